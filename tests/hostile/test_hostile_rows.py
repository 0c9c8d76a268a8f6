"""Hostile tables: JSON, CSV and Parquet that is deep, long, doubled, of wrong types or broken."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polystance.inference.sources import rows as rows_module
from tests.hostile.accounting import accounted

TEXT = "The sample minister said that talks on rare earth exports would go on."
GOOD = json.dumps({"text": TEXT})
DEPTH = 100_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": ' + "[" * DEPTH + "]" * DEPTH + "}", "nested too deep"),
        ('{"text": ' * DEPTH + "1" + "}" * DEPTH, "nested too deep"),
        ("[" * DEPTH, "nested too deep"),
        ('{"text": "a", "text": "b"}', "twice"),
        ('{"text": NaN}', "is empty"),
        ('{"text": Infinity}', "holds a number"),
        ('{"text": -Infinity}', "holds a number"),
        ('{"text": ' + "9" * 5000 + "}", "broken JSON"),
        ('{"\\ud800": "x", "\\u001b[31m": 1}', "no text column"),
        ('{"' + "k" * 100_000 + '": "x"}', "no text column"),
        ('{"text": "\\u0000\\u0000"}', "is blank"),
        ("\x00\x01", "broken JSON"),
    ],
)
def test_a_hostile_line_is_one_failure_between_good_ones(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "a.jsonl").write_text(f"{GOOD}\n{line}\n{GOOD}\n", encoding="utf-8")
    articles, failures = accounted(tmp_path / "a.jsonl")
    assert [article.source_position for article in articles] == [1, 3]
    assert [failure.line for failure in failures] == [2]
    assert reason in failures[0].reason
    assert len(failures[0].reason) <= 500


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1e400", "9" * 400, "[[[]]]", "{}", "true", '"\\udc80"']
)
@pytest.mark.parametrize("field", ["date", "title", "outlet", "url", "language", "id"])
def test_a_hostile_value_beside_the_text_costs_that_field_only(
    tmp_path: Path, field: str, value: str
) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{TEXT}", "{field}": {value}}}\n', encoding="utf-8")
    articles, failures = accounted(tmp_path / "a.jsonl")
    assert [article.text for article in articles] == [TEXT]
    assert not failures
    assert field != "date" or articles[0].published is None


def test_controls_and_surrogates_leave_a_text_that_any_writer_takes(tmp_path: Path) -> None:
    text = "A\\u0000B\\ud83d\\ude00C\\ud800D\\u202eE\\u2066F\\u0007G"
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{text}", "title": "{text}"}}\n', encoding="utf-8")
    articles, _ = accounted(tmp_path / "a.jsonl")
    assert articles[0].text == articles[0].title == "AB😀C\ufffdDEFG"


def test_a_line_longer_than_the_limit_is_one_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_LINE_BYTES", 1 << 16)
    for name, head, row in (("a.jsonl", "", GOOD), ("a.csv", "text\n", TEXT)):
        (tmp_path / name).write_text(f"{head}{row}\n{'x' * (1 << 20)}\n{row}\n")
        articles, failures = accounted(tmp_path / name)
        assert len(articles) == 2
        assert "longer than" in failures[0].reason


@pytest.mark.parametrize(
    ("size", "reason"),
    [pytest.param(99_000_000, "split it", marks=pytest.mark.slow), (101_000_000, "longer than")],
)
def test_a_line_of_a_hundred_megabytes_is_one_failure(tmp_path: Path, size: int, reason: str) -> None:
    with (tmp_path / "a.jsonl").open("w") as stream:
        stream.write(f'{GOOD}\n{{"text": "')
        for _ in range(size // 1_000_000):
            stream.write("0123456789" * 100_000)
        stream.write(f'"}}\n{GOOD}\n')
    articles, failures = accounted(tmp_path / "a.jsonl")
    assert [article.source_position for article in articles] == [1, 3]
    assert [failure.line for failure in failures] == [2]
    assert reason in failures[0].reason


def test_a_json_file_that_is_deep_or_endless_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * DEPTH)
    assert "too deep" in accounted(tmp_path / "a.json")[1][0].reason
    (tmp_path / "a.json").write_text('[{"text": "a"}, ' * 3)
    assert "broken JSON" in accounted(tmp_path / "a.json")[1][0].reason


def table(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    return table(path, text=[f"{TEXT} {n}" for n in range(40)], title=["t"] * 40).read_bytes()


def test_parquet_cut_anywhere_is_a_failure(tmp_path: Path, parquet: bytes) -> None:
    for length in range(0, len(parquet) - 1, 97):
        (tmp_path / "a.parquet").write_bytes(parquet[:length])
        articles, failures = accounted(tmp_path / "a.parquet")
        assert not articles
        assert len(failures) == 1


def test_parquet_with_garbage_in_it_never_crashes(tmp_path: Path, parquet: bytes) -> None:
    rng = random.Random(3)
    failed = 0
    for _ in range(300):
        data = bytearray(parquet)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "a.parquet").write_bytes(data)
        articles, failures = accounted(tmp_path / "a.parquet")
        assert len(articles) + len(failures) <= 41  # what was read before the damage, and the damage
        failed += bool(failures)
    assert failed > 100


@pytest.mark.parametrize("magic", [b"PAR1", b"PARE", b"ORC\0", b"\0\0\0\0"])
def test_parquet_of_wrong_magic_or_metadata_is_a_failure(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(magic + b"\xff" * 300 + (1 << 31).to_bytes(4, "little") + b"PAR1")
    assert "Parquet" in accounted(tmp_path / "a.parquet")[1][0].reason


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2]), pa.array([1.5, None]), pa.array([True, False]), pa.array([b"\xff", b"x"]),
        pa.array([[1], [2]]), pa.array([{"a": 1}, {"a": 2}]), pa.nulls(2),
        pa.array([1, 2], pa.duration("s")), pa.array([1, 2**62], pa.timestamp("us")),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_parquet_text_of_another_type_is_a_failure_for_each_row(tmp_path: Path, column: pa.Array) -> None:
    articles, failures = accounted(table(tmp_path / "a.parquet", text=column))
    assert not articles
    assert [failure.line for failure in failures] == [1, 2]


@pytest.mark.parametrize(
    ("values", "good"),
    [
        (pa.array([0, 2**62], pa.timestamp("us")), 1),
        (pa.array([0, 1], pa.timestamp("s", "Mars/Phobos")), 0),
        (pa.array([0, 1], pa.timestamp("ns")), 2),
        (pa.array([0, 2**31 - 1], pa.date32()), 1),
        (pa.array([2**62, 10**15], pa.duration("ns")), None),
        (pa.array([10**37, 1], pa.decimal128(38)), 2),
    ],
)  # fmt: skip
def test_parquet_dates_that_python_lacks_are_failures_of_their_rows(
    tmp_path: Path, values: pa.Array, good: int | None
) -> None:
    articles, failures = accounted(table(tmp_path / "a.parquet", text=[TEXT, TEXT], date=values))
    assert len(articles) + len(failures) == 2
    assert good is None or len(articles) == good
