"""The numbers that the forward pass is computed in: fp32, bf16 or int8."""

from __future__ import annotations

import platform
from typing import Final

import torch

from polystance.errors import UsageError

PRECISIONS: Final = ("auto", "fp32", "bf16", "int8")


def pick_precision(precision: str, device: str) -> str:
    """What "auto" stands for on a device, or the precision itself if it is possible there.

    Args:
        precision: One of `PRECISIONS`. "auto" is bf16 on GPUs that have it and on CPUs with matrix units
            for it (Intel's AMX), fp32 elsewhere.
        device: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        UsageError: It is no precision, or the device can't compute in it.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"No precision {precision!r}; give {', '.join(PRECISIONS)}.")
    cpu = device == "cpu"
    if precision == "auto":
        return "bf16" if (_amx() if cpu else _bf16(device)) else "fp32"
    if precision == "bf16" and not _bf16(device):
        raise UsageError(
            f"Device {device!r} has no bfloat16 in hardware here, and would be slower in it than in fp32. "
            "Use --precision auto or fp32."
        )
    if precision == "int8" and not cpu:
        raise UsageError(f"int8 is for CPUs, not for {device!r}. Use --device cpu, or --precision auto.")
    if precision == "int8" and _without_vnni():
        raise UsageError(
            "This processor has no VNNI: sums of int8 products would overflow in it, and labels change. "
            "Use --precision auto or fp32."
        )
    return precision


def _bf16(device: str) -> bool:
    """Whether a device multiplies matrices in bfloat16 by itself, without a detour over fp32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and _onednn() and _cpu("avx512_bf16", "amx_bf16")


def _amx() -> bool:
    return _onednn() and _cpu("amx_bf16")


def _onednn() -> bool:
    """Whether torch was built with the library whose products use these instructions."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _without_vnni() -> bool:
    # The older instructions of x86 add pairs of products in 16 bits; ARM has none such.
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and not _cpu("avx512_vnni", "avx_vnni")


def _cpu(*capabilities: str) -> bool:
    """Whether the processor has any of these; none where torch can't tell."""
    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # not in torch 2.6
    return any(has.get(name) for name in capabilities)
