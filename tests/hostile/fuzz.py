"""Coverage-guided fuzzing of every reader with Atheris: `make fuzz`, `make fuzz SECONDS=600`.

The first byte of an input picks the suffix of a file, the rest is the file. What must hold is what the
property tests hold, see `accounting.py`. An input that breaks it is left in runs/fuzz/ as crash-*.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["polystance.inference.sources"]):
    from tests.hostile.accounting import SUFFIXES, accounted

_CORPUS = Path("runs/fuzz/corpus")
_SEEDS = {
    ".jsonl": b'{"text": "China spoke.", "title": "A", "date": "2025-10-08"}\n{"text": ',
    ".json": b'{"articles": [{"text": "China spoke.", "source": {"name": "X"}}]}',
    ".csv": '标题,正文\nA,"中方表示,\n美方"\n'.encode("gb18030"),
    ".tsv": b"title\ttext\nA\tChina spoke.\n",
    ".parquet": b"PAR1",
    ".txt": "A headline\nSample Herald · 2025-10-08 22:24\nChina spoke.\n\n来源：样例日报\n".encode(),
    ".md": b"---\ntitle: A\n---\n# A headline\n\n**China** [spoke](http://x.example).\n",
    ".html": b'<html><head><meta charset="gbk"><title>A</title></head><body><article><p>China spoke.</p>',
    ".gz": gzip.compress(b'{"text": "China spoke."}\n'),
}


def one_input(data: bytes) -> None:
    """Read `data` as a file; raises whatever the readers let through."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / f"a{SUFFIXES[data[0] % len(SUFFIXES)] if data else ''}"
        path.write_bytes(data[1:])
        accounted(path)


def main() -> None:
    _CORPUS.mkdir(parents=True, exist_ok=True)
    for suffix, content in _SEEDS.items():
        (_CORPUS / f"seed{suffix}").write_bytes(bytes([SUFFIXES.index(suffix)]) + content)
    limits = ["-timeout=20", "-rss_limit_mb=4096", "-max_len=4096", "-len_control=10"]
    atheris.Setup([*sys.argv, *limits, "-artifact_prefix=runs/fuzz/", str(_CORPUS)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
