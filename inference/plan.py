"""The plan of a run: everything that has to be equal for a stopped job to go on, and what differs if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polystance
from polystance.inference import tables
from polystance.inference.engines import Engine
from polystance.inference.sources.files import walk
from polystance.models.hub import commit
from polystance.models.texts import clean_text

if TYPE_CHECKING:
    from polystance.inference.job import JobOptions


def make_plan(engine: Engine, inputs: Sequence[str], options: JobOptions, shard_items: int) -> dict[str, Any]:
    """Everything that has to be equal for a run to go on."""
    from importlib.metadata import version

    checkpoint = engine.checkpoint
    packages = ("torch", "transformers", "tokenizers", *(("onnxruntime",) * (checkpoint.precision == "int8")))
    return {
        "polystance": polystance.__version__,
        "schema": tables.SCHEMA_VERSION,
        "checkpoint": {"name": checkpoint.settings.name, "sha256": checkpoint.digest()},
        "precision": checkpoint.precision,
        "versions": {name: version(name) for name in packages},
        "options": {
            **asdict(options),
            "targets": list(options.targets) if options.targets is not None else "auto",
            "columns": dict(options.columns),
        },
        "shard_items": shard_items,
        "inputs": [clean_text(str(given)) for given in inputs],  # names of files may be no Unicode
        "files": _fingerprints(inputs),
    }


def _fingerprints(inputs: Sequence[str]) -> dict[str, str | None]:
    """Size and time of change of every input file, by name; the commit of what lies on the hub.

    None for standard input, and for a file that is gone since the folder was listed or a link that leads
    nowhere, which become failures when they are opened.
    """
    prints: dict[str, str | None] = {}
    for source in walk(inputs):
        prints[source.name] = None
        if source.address is not None:
            prints[source.name] = commit(source.address)
        elif source.path is not None:
            try:
                stat = source.path.stat()
            except OSError:
                continue
            changed = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="microseconds")
            prints[source.name] = f"{stat.st_size} bytes, changed {changed}"
    return prints


def differences(known: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in plan.items():
        before = known.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            names = [n for n in sorted({*before, *value}) if before.get(n) != value.get(n)]
            lines += [_difference(f"{key}.{n}", before, value, n) for n in names[:5]]
            lines += [f"{key}: and {len(names) - 5} more"] if len(names) > 5 else []
        elif before != value:
            lines.append(_difference(key, known, plan, key))
    if "-" in plan["files"]:
        lines.append("files.-: what standard input held then can't be compared with what it holds now")
    return lines


def _difference(shown: str, before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> str:
    then, since = (repr(side[name]) if name in side else "absent" for side in (before, now))
    return f"{shown}: {then} then, {since} now"


def refusal(out: Path, different: Sequence[str], state: str) -> str:
    return (
        f"{out} holds a{'n' if state[0] == 'u' else ''} {state} run that differs from this one:\n  "
        + "\n  ".join(different)
        + "\nGive another folder, or --overwrite to delete that run and start anew."
    )
