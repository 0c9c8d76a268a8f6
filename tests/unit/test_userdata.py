"""Labels of one's own: layouts, files, words for labels, and what is said of rows that can't be used."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from polystance.errors import DataError, UsageError
from polystance.models.records import Mention
from polystance.training.examples import Example
from polystance.training.userdata import UserData, read_userdata
from tests.unit.tiny import write_jsonl

Rows = Sequence[Mapping[str, Any]]
LONG: Rows = [
    {"body": "Japan praised the port.", "country": "japan", "label": "Positive", "outlet": "Post"},
    {"body": "Japan praised the port.", "country": "the port", "label": "0", "outlet": "Post"},
    {"body": "美国批评港口条约。", "country": "美國", "label": "反对", "outlet": "日报"},
]


def write_csv(path: Path, rows: Rows, encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def packed(path: Path, pack: Callable[[bytes], bytes]) -> Path:
    target = path.with_name(path.name + {gzip.compress: ".gz"}.get(pack, ".zst"))
    target.write_bytes(pack(path.read_bytes()))
    path.unlink()
    return target


def read(path: Path | str, **options: Any) -> list[Example]:
    found = read_userdata(UserData(str(path), **options))
    assert set(found) == {""}
    return found[""]


WRITERS: Mapping[str, Callable[[Path], Path]] = {
    "csv": lambda folder: write_csv(folder / "a.csv", LONG),
    "csv of a Chinese spreadsheet": lambda folder: write_csv(folder / "a.csv", LONG, "gb18030"),
    "csv, UTF-16": lambda folder: write_csv(folder / "a.csv", LONG, "utf-16"),
    "csv.gz": lambda folder: packed(write_csv(folder / "a.csv", LONG), gzip.compress),
    "jsonl": lambda folder: write_jsonl(folder / "a.jsonl", list(map(dict, LONG))),
    "jsonl.zst": lambda folder: packed(
        write_jsonl(folder / "a.jsonl", list(map(dict, LONG))), zstandard.compress
    ),
}


@pytest.mark.parametrize("kind", [*WRITERS, "parquet", "json"])
def test_a_row_per_text_and_target(tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        path = tmp_path / "a.parquet"
        pq.write_table(pa.Table.from_pylist(list(map(dict, LONG))), path)
    elif kind == "json":
        path = tmp_path / "a.json"
        path.write_text(json.dumps(LONG), encoding="utf-8")
    else:
        path = WRITERS[kind](tmp_path)
    en, zh = read(path)
    assert en.stances == {"JP": "favor", "the port": "neutral"}
    assert en.text_mentions == (Mention("JP", 0, 5), Mention("the port", 14, 22))
    assert (en.language, en.group, en.tone, en.frames) == ("en", "Post", None, None)
    assert (zh.language, zh.stances, zh.text_mentions) == ("zh", {"US": "against"}, (Mention("US", 0, 2),))


def test_a_row_per_text(tmp_path: Path) -> None:
    columns = write_csv(
        tmp_path / "columns.csv",
        [
            {"text": "China waits.", "stance_CN": "favor", "stance_Russia": "", "tone": "pos", "frames": ""},
            {"text": "Russia waits.", "stance_CN": "", "stance_Russia": "-1", "tone": "", "frames": "none"},
            {"text": "No label.", "stance_CN": "", "stance_Russia": "", "tone": "", "frames": ""},
            {
                "text": "Trade.",
                "stance_CN": "",
                "stance_Russia": "",
                "tone": "",
                "frames": "Economic, morality",
            },
        ],
    )
    mapping = write_jsonl(
        tmp_path / "mapping.jsonl",
        [
            {"text": "China waits.", "stance": {"CN": "favor", "RU": None}, "tone": "positive"},
            {"text": "Russia waits.", "stance": '{"RU": "against"}', "frames": []},
            {"text": "No label."},
            {"text": "Trade.", "frames": ["economic", "morality"]},
        ],
    )
    for path in (columns, mapping):
        china, russia, trade = read(path)
        assert (china.stances, china.tone, china.frames) == ({"CN": "favor"}, "positive", None)
        assert (russia.stances, russia.tone, russia.frames) == ({"RU": "against"}, None, ())
        assert (trade.stances, trade.frames) == ({}, ("economic", "morality"))


def test_own_names_of_columns_and_labels(tmp_path: Path) -> None:
    rows = [
        {"absatz": "Kenya waits.", "wer": "Kenya", "wie": "Hostile", "note": "favor", "fold": "test"},
        {"absatz": "Kenya works.", "wer": "Kenya", "wie": "unclear", "note": "favor", "fold": "training"},
        {"absatz": "Kenya leads.", "wer": "Kenya", "wie": "warm", "note": "favor", "fold": "val"},
    ]
    data = UserData(
        str(write_csv(tmp_path / "a.csv", rows)),
        columns={"text": "absatz", "target": "wer", "stance": "wie"},
        labels={"hostile": "against", "Warm": "favor", "unclear": ""},
    )
    found = read_userdata(data)
    assert {split: [e.stances for e in examples] for split, examples in found.items()} == {
        "test": [{"KE": "against"}],
        "dev": [{"KE": "favor"}],
    }


def test_splits_in_files_of_their_own(tmp_path: Path) -> None:
    paths = [str(write_csv(tmp_path / f"{n}.csv", [row])) for n, row in enumerate(LONG)]
    found = read_userdata(UserData(paths[0], dev=paths[1], test=paths[2]))
    assert {split: [dict(e.stances) for e in examples] for split, examples in found.items()} == {
        "": [{"JP": "favor"}], "dev": [{"the port": "neutral"}], "test": [{"US": "against"}],
    }  # fmt: skip


def test_rows_that_disagree_count_by_majority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        {"text": "A vote.", "target": target, "stance": label}
        for target, labels in {"US": ["favor", "favor", "against"], "CN": ["favor", "against"]}.items()
        for label in labels
    ]
    (found,) = read(write_csv(tmp_path / "a.csv", rows))
    assert found.stances == {"US": "favor"}
    assert "1 stances left out" in caplog.text


def test_bad_rows_are_all_told_of_at_once(tmp_path: Path) -> None:
    rows = [
        LONG[0],
        {**LONG[0], "label": "mixed"},
        {**LONG[0], "country": ""},
        {**LONG[0], "body": " "},
        {**LONG[0], "country": "QQ"},
        *[{**LONG[0], "label": "bad"}] * 3,
    ]
    with pytest.raises(DataError) as told:
        read(write_csv(tmp_path / "a.csv", rows))
    message = str(told.value)
    assert "used: 7." in message
    assert "and 2 more" in message
    for said in (
        "row 3: the stance 'mixed' is none of favor, neutral, against",
        "row 4",
        "row 5",
        "row 6: target",
    ):
        assert said in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"texts": "body"}}, "no field texts.*text"),
        ({"columns": {"text": "inhalt"}}, "no column 'inhalt'.*body"),
        ({"labels": {"bad": "worse"}}, "'worse' is no label.*against"),
    ],
)
def test_maps_that_fit_nothing(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, DataError), match=message):
        read(write_csv(tmp_path / "a.csv", LONG), **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "No file"),
        ("a.xlsx", b"PK", r"\.csv"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"title,label\nx,favor\n", "no column of texts.*title"),
        ("a.csv", b"text,outlet\nx,y\n", "no column of labels.*outlet"),
        ("a.csv", b"text,stance\nx,favor\n", "without a target"),
        ("a.csv", b"text,target,stance\nx, y,US,favor\n", "row 2: 4 cells"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8"),
        ("a.csv.gz", b"text", "can't be read"),
        ("a.jsonl", b"{", "JSON"),
        ("a.jsonl", b"[1]", "objects"),
        ("a.parquet", b"PAR1", "Parquet"),
    ],
)
def test_files_that_are_no_labels(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)
