"""Labels on the hub, read by the real client from a local server that speaks the hub's protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.unit.hub import COMMIT, REPO, hub_of

# HF_ENDPOINT is read when the client is imported, hence a process of its own.
READ = """
import json, sys
from polystance.errors import PolystanceError
from polystance.training.labeltables import fingerprint
from polystance.training.userdata import UserData, read_userdata
for address in sys.argv[1:]:
    try:
        found = read_userdata(UserData(address))
        print(json.dumps({split: [dict(e.stances) for e in examples] for split, examples in found.items()}))
    except PolystanceError as error:
        print(json.dumps(str(error)))
print(json.dumps(fingerprint(sys.argv[1:2]) == fingerprint([sys.argv[1] + "@" + "c" * 40])))
"""


def lines(*rows: tuple[str, str, str]) -> bytes:
    named = (dict(zip(("text", "target", "stance"), row, strict=True)) for row in rows)
    return "".join(json.dumps(row) + "\n" for row in named).encode()


def test_splits_of_a_data_set_on_the_hub(tmp_path: Path) -> None:
    files = {
        "train.jsonl": lines(("Japan waits.", "Japan", "neutral"), ("Japan leads.", "JP", "positive")),
        "test.jsonl": lines(("Kenya waits.", "Kenya", "against")),
    }
    name = f"hf://datasets/{REPO}"
    addresses = (name, f"{name}@{COMMIT}/test", f"{name}/train.jsonl", "hf://datasets/someone/else")
    with hub_of(files) as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)}
        environment.pop("HF_HUB_OFFLINE", None)
        result = subprocess.run(
            [sys.executable, "-c", READ, *addresses],
            env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    whole, split, file, missing, same = map(json.loads, result.stdout.splitlines())
    assert whole == {"train": [{"JP": "neutral"}, {"JP": "favor"}], "test": [{"KE": "against"}]}
    assert split == {"": [{"KE": "against"}]}  # one split alone doesn't say that it is to be tested on
    assert "single files" in file
    assert "no such data set" in missing
    assert same
