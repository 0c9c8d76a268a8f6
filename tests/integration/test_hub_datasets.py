"""Data sets on the hub, read by the real client from a local server that speaks the hub's protocol."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.hub import COMMIT, REPO, hub_of

# HF_ENDPOINT is read when the client is imported, hence a process of its own.
READ = """
import json, sys
from polystance.errors import PolystanceError
from polystance.inference.sources import Failure, read_articles
for address in sys.argv[1:]:
    found = []
    try:
        for item in read_articles(address):
            where = [item.source, item.line] if isinstance(item, Failure) else [item.id, item.title]
            found.append([type(item).__name__, *where])
    except PolystanceError as error:
        found.append([type(error).__name__, str(error)])
    print(json.dumps(found))
"""
NAME = f"hf://datasets/{REPO}"
MISSING = {
    "hf://datasets/someone/else": "no such data set",
    f"{NAME}/nosplit": "nosplit",
    f"{NAME}/config/train": "config",
    f"{NAME}/gone.jsonl": "gone.jsonl",
    f"{NAME}@v9": "v9",
}
PACKED = f"{NAME}/extra/news.jsonl.gz"
THERE = {
    NAME: [
        ["Article", f"{REPO}:1", "a"],
        ["Article", f"{REPO}:2", "b"],
        ["Failure", NAME, 3],
        ["Article", f"{REPO}:4", "c"],
    ],
    f"{NAME}/test": [["Article", f"{REPO}/test:1", "c"]],
    f"{NAME}@{COMMIT}/test": [["Article", f"{REPO}/test:1", "c"]],
    PACKED: [["Failure", PACKED, 1], ["Article", f"{REPO}/extra/news.jsonl.gz:2", "d"]],
    f"{NAME}/extra/news.parquet": [
        ["Article", f"{REPO}/extra/news.parquet:1", "e"],
        ["Article", f"{REPO}/extra/news.parquet:2", "f"],
    ],
}


def rows(*names: str) -> bytes:
    return "".join(json.dumps({"headline": n, "body": f"China praised {n}."}) + "\n" for n in names).encode()


def parquet(*names: str) -> bytes:
    stream = io.BytesIO()
    table = {"headline": list(names), "body": [f"Russia praised {n}." for n in names], "n": [0] * len(names)}
    pq.write_table(pa.table(table), stream)
    return stream.getvalue()


def read(endpoint: str, home: Path, *addresses: str, **environment: str) -> list[list[list[Any]]]:
    done = subprocess.run(
        [sys.executable, "-c", READ, *addresses],
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Any]]]:
    """What each address gave."""
    files = {
        "data/train-00000.jsonl": rows("a", "b") + b'{"headline": "no body"}\n',
        "data/test-00000.jsonl": rows("c"),
        "extra/news.jsonl.gz": gzip.compress(b'{"body": \n' + rows("d")),
        "extra/news.parquet": parquet("e", "f"),
    }
    addresses = [*THERE, *MISSING]
    with hub_of(files) as endpoint:
        read_from = read(endpoint, tmp_path_factory.mktemp("home"), *addresses)
    return dict(zip(addresses, read_from, strict=True))


@pytest.mark.parametrize("address", THERE)
def test_splits_are_streamed_and_files_read_as_local_ones_are(
    address: str, found: dict[str, list[list[Any]]]
) -> None:
    assert found[address] == THERE[address]


@pytest.mark.parametrize("address", MISSING)
def test_what_is_not_there_is_named(address: str, found: dict[str, list[list[Any]]]) -> None:
    ((kind, message),) = found[address]
    assert kind == "HubError"
    assert message.startswith(address)
    assert MISSING[address] in message.removeprefix(address)


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    (((kind, message),),) = read(nowhere, tmp_path, NAME, HF_HUB_OFFLINE="1")
    assert (kind, "Unset it" in message) == ("HubError", True)
    (((kind, message),),) = read(nowhere, tmp_path, NAME)
    assert (kind, "can't be reached" in message) == ("HubError", True)
