"""A checkpoint in int8, run by ONNX Runtime on a CPU.

Weights are int8 with a scale per output channel; activations get their range when they are computed, one per
tensor. Such a range would make a text's label depend on its batch mates, so windows are run one at a time,
several of them side by side: no window ever shares a tensor with another, and nothing is padded.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from polystance.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    import torch

    from polystance.models.checkpoint import Checkpoint
    from polystance.models.encoding import EncodedWindow

INPUTS: Final = ("input_ids", "attention_mask")
OPSET: Final = 17
SIGNATURE: Final = "polystance_checkpoint"
_RECIPE: Final = 2  # to be raised when the file made of a checkpoint changes


class OnnxModel:
    """An ONNX file in place of a torch model, for `forward`.

    Args:
        path: Takes `input_ids` and `attention_mask`, both (batch, tokens) int64; gives `logits`,
            (batch, tokens, 20) float32.
        threads: Windows that are run at once; as many as torch uses if None.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        _require()
        import torch
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1  # a window is too little work to share out
        self._session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._threads = threads or torch.get_num_threads()

    @property
    def device(self) -> torch.device:
        import torch

        return torch.device("cpu")

    def logits(self, windows: Sequence[EncodedWindow]) -> list[NDArray[np.float32]]:
        """Logits of each window, (its tokens, 20), in the order given."""
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._run, windows))

    def _run(self, window: EncodedWindow) -> NDArray[np.float32]:
        ids = np.array([window.ids], np.int64)
        logits: NDArray[np.float32] = self._session.run(
            None, {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        )[0][0]
        return logits


def quantised(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint in int8: made on first use, later taken from the cache (that of the hub's client).

    Raises:
        CheckpointError: The cache can't be written.
        UsageError: The packages of the extra `onnx` are not installed.
    """
    _require()
    from importlib.metadata import version

    from huggingface_hub import cached_assets_path

    try:
        folder = cached_assets_path("polystance", namespace="int8", subfolder=checkpoint.digest())
    except (OSError, ValueError) as error:  # ValueError: a file in the place of a folder
        raise CheckpointError(
            f"Can't keep the int8 file in the cache: {error} Set HF_HOME to a folder that can be written, "
            "or use --precision auto."
        ) from error
    # A later optimizer or quantiser may make another file of the same weights.
    path = folder / f"{_RECIPE}-onnxruntime-{version('onnxruntime')}.onnx"
    if not path.is_file():
        print(f"Making {checkpoint.settings.name} in int8, once: {path}", file=sys.stderr)
        write_onnx(checkpoint, path)
    return replace(checkpoint, model=OnnxModel(path))


def write_onnx(checkpoint: Checkpoint, out: Path) -> None:
    """Write a checkpoint, loaded in fp32, as an int8 ONNX file.

    Its layers are fused where ONNX Runtime knows how. The file takes batches, but only a text that is alone
    in its batch gets the logits that polystance gives it.

    Raises:
        UsageError: The packages of the extra `onnx` are not installed.
    """
    _require()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    model: Any = checkpoint.model
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".int8-") as work, _quiet():
        raw, fused, small = (Path(work) / f"{step}.onnx" for step in ("raw", "fused", "small"))
        _export(model, raw)
        optimized = optimize_model(
            str(raw),
            model_type="bert",
            num_heads=model.config.num_attention_heads,
            hidden_size=model.config.hidden_size,
            opt_level=0,  # only what doesn't depend on the machine; the session does the rest
        )
        optimized.save_model_to_file(str(fused))
        quantize_dynamic(
            fused,
            small,
            op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": 1},  # float: fused operators have types that onnx can't infer
        )
        _sign(small, checkpoint.digest())
        os.replace(small, out)


def _sign(path: Path, digest: str) -> None:
    """Write into a file which checkpoint it was made from."""
    import onnx

    model = onnx.load(path)
    model.metadata_props.add(key=SIGNATURE, value=digest)
    onnx.save(model, path)


def signature(path: Path) -> str | None:
    """Digest of the checkpoint that a file was made from; None for files of other makers.

    Raises:
        UsageError: The packages of the extra `onnx` are not installed.
    """
    _require()
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return None
    return next((p.value for p in model.metadata_props if p.key == SIGNATURE), None)


def _export(model: Any, out: Path) -> None:
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.model(input_ids, attention_mask=attention_mask).logits

    ids = torch.arange(2 * 7).reshape(2, 7) + 1
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0  # all ones would be taken for no mask
    axes = {0: "batch", 1: "tokens"}
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the one whose graph the optimizer knows
    try:
        torch.onnx.export(
            Logits().eval(),
            (ids, mask),
            out,
            dynamo=False,  # the newer exporter's graph is not fused
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes=dict.fromkeys((*INPUTS, "logits"), axes),
        )
    finally:
        model.set_attn_implementation(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """No advice on exporters and no line per tensor: the packages log them to the root logger."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _require() -> None:
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"int8 needs {' and '.join(missing)}, not installed here: pip install 'polystance[onnx]'. "
            "Without it: --precision auto."
        )
