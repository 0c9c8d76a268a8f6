"""Rows of tables: column names, cell values, broken rows."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polystance.errors import UsageError
from polystance.inference.sources import read_articles
from polystance.inference.sources import rows as rows_module
from tests.unit.reading import read

ENGLISH = "The sample minister said on Tuesday that talks on rare earth exports would go on."
CHINESE = "样例部长周二表示，两国将继续就稀土出口问题进行磋商。"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "names",
    [
        ("id", "title", "text", "outlet", "date", "url", "language"),
        ("ID", "Headline", "Body", "Media", "Published", "Link", "Lang"),
        ("doc_id", "article title", "full-text", "Publisher", "publish_time", "href", "language"),
        ("编号", "标题", "正文", "来源", "发布时间", "链接", "语言"),
        ("編號", "標題", "內容", "媒體", "發布時間", "網址", "語言"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_columns_are_guessed_in_every_format(tmp_path: Path, suffix: str, names: tuple[str, ...]) -> None:
    values = ("n1", "样例标题", CHINESE, "样例日报", "2025年10月8日 22:24", "https://a.example/1", "zh-CN")
    row = dict(zip(names, values, strict=True))
    path = tmp_path / f"rows{suffix}"
    if suffix == ".jsonl":
        write(tmp_path, path.name, json.dumps(row, ensure_ascii=False))
    elif suffix == ".json":
        write(tmp_path, path.name, json.dumps({"articles": [row]}))
    elif suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter="\t" if suffix == ".tsv" else ",").writerows([names, values])
    articles, failures = read(path)
    assert not failures
    article = articles[0]
    assert (article.id, article.title, article.text, article.outlet) == (
        "n1",
        "样例标题",
        CHINESE,
        "样例日报",
    )
    assert (article.outlet_language, article.language) == ("zh", "zh")
    assert (article.published, article.url) == ("2025-10-08T22:24", "https://a.example/1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "cut off', "broken JSON"),
        ("not json", "broken JSON"),
        ('["text"]', "must be an object"),
        ("12", "must be an object"),
        ('{"text": null}', "is empty"),
        ('{"text": NaN}', "is empty"),
        ('{"text": "  "}', "blank"),
        ('{"text": ""}', "blank"),
        ('{"text": 12}', "a number"),
        ('{"text": {"a": 1}}', "an object"),
        ('{"text": "a", "text": "b"}', "twice"),
        ('{"words": "a", "size": 3}', "columns found: words, size. Name it with --column text=NAME"),
        ("{}", "columns found: none"),
        ("[" * 100_000, "nested too deep"),
        ('{"text": ' + "9" * 5000 + "}", "broken JSON"),
    ],
)
def test_bad_lines_are_failures_with_their_number(tmp_path: Path, line: str, reason: str) -> None:
    good = json.dumps({"text": ENGLISH})
    path = write(tmp_path, "rows.jsonl", f"{good}\n\n{line}\n{good}")
    articles, failures = read(path)
    assert [article.source_position for article in articles] == [1, 4]
    assert [failure.line for failure in failures] == [3]
    assert reason in failures[0].reason


def test_bytes_that_are_no_utf8_fail_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "SAMPLE_BYTES", 10_000)
    good = json.dumps({"text": ENGLISH}).encode()
    head = (good + b"\n") * 3_000  # the bad line lies behind the sample that tells the encoding
    articles, failures = read(write(tmp_path, "a.jsonl", head + b'{"text": "\xff\xfe"}\n' + good))
    assert len(articles) == 3_001
    assert [failure.line for failure in failures] == [3_001]
    assert "utf-8" in failures[0].reason


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ({"text": ["One.", "Two."]}, "text", "One.\nTwo."),
        ({"text": "a\x00b\ud800c\u202ed\r\ne"}, "text", "ab\ufffdcd\ne"),
        ({"text": "\ud83d\ude00"}, "text", "😀"),
        ({"text": "a", "text ": "b"}, "text", "a"),
        ({"text": "a", "id": 12}, "id", "12"),
        ({"text": "a", "id": 12.0}, "id", "12"),
        ({"text": "a", "id": None}, "id", "a.jsonl:1"),
        ({"text": "a", "title": "two\nlines  here"}, "title", "two lines here"),
        ({"text": "a", "title": None}, "title", ""),
        ({"text": "a", "source": {"id": None, "name": "Reuters"}}, "outlet", "Reuters"),
        ({"text": "a", "source": "reuters.com"}, "outlet", "Reuters"),
        ({"text": "a", "date": 1759933440}, "published", "2025-10-08T14:24:00+00:00"),
        ({"text": "a", "date": "yesterday"}, "published", None),
        ({"text": "a", "language": "English"}, "language", "en"),
        ({"text": ENGLISH, "language": "???"}, "language", "en"),
        ({"text": "Правительство сообщило об этом"}, "language", "ru"),
        ({"text": CHINESE, "url": "http://finance.sina.com.cn/x"}, "outlet", "Sina Finance"),
        ({"text": "12 34"}, "language", None),
    ],
)
def test_cells(tmp_path: Path, row: dict[str, Any], field: str, value: str | None) -> None:
    articles, _ = read(write(tmp_path, "a.jsonl", json.dumps(row)))
    assert getattr(articles[0], field) == value


def test_the_language_of_an_outlet_comes_from_its_column(tmp_path: Path) -> None:
    rows = [
        {"text": ENGLISH, "outlet": "Xinhua", "outlet_language": "Chinese"},
        {"text": ENGLISH, "outlet": "Xinhua", "outlet_language": ""},
        {"text": ENGLISH, "outlet": "The Example Post", "outlet_language": "zh-TW"},
        {"text": ENGLISH, "outlet": "The Example Post", "outlet_language": "???"},
    ]
    path = write(tmp_path, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    articles, _ = read(path)
    assert [a.outlet_language for a in articles] == ["zh", "en", "zh", "en"]


def test_given_columns_win_and_wrong_ones_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,body,when\nteaser,The body.,2025-01-02\n")
    article = read(path, columns={"text": "body", "published": "when"})[0][0]
    assert (article.text, article.published) == ("The body.", "2025-01-02")
    _, failures = read(path, columns={"text": "fulltext"})
    assert "no column 'fulltext' (given for text); columns found: text, body, when" in failures[0].reason
    with pytest.raises(UsageError, match="Fields: text"):
        read_articles([path], columns={"txt": "body"})


def test_table_without_text_column_fails_once(tmp_path: Path) -> None:
    _, failures = read(write(tmp_path, "a.csv", "a,b\n1,2\n3,4\n"))
    assert len(failures) == 1
    assert "columns found: a, b. Name it with --column text=NAME" in failures[0].reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_dialects_and_line_numbers(tmp_path: Path, delimiter: str) -> None:
    stream = io.StringIO()
    rows = [["title", "text"], ["A", "one\ntwo, three; four"], ["B", 'say "yes"'], ["C", ""], ["D", "five"]]
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    articles, failures = read(write(tmp_path, "a.csv", "\ufeff" + stream.getvalue()))
    assert [(a.title, a.source_position) for a in articles] == [("A", 2), ("B", 4), ("D", 6)]
    assert [(failure.line, failure.reason) for failure in failures] == [
        (5, "no text: column 'text' is blank")
    ]


@pytest.mark.parametrize(
    ("content", "titles", "lines"),
    [
        ('title,text\nA,one\nB,"two" x\nC,three\n', ["A", "C"], [3]),
        ('title,text\nA,one\nB,"two\nC,three\nD,four\n', ["A"], [3]),
        ("title,text\nA,one\nB,two,three\nC,four\n", ["A", "C"], [3]),
        ("title,text\nA,one\nB\nC,four\n", ["A", "C"], [3]),
        ("title,text\nA,nan\nB,two\n", ["B"], [2]),
        ("text,text\none,two\n", [], [1]),
        ("title,text\n", [], [None]),
    ],
)
def test_broken_csv_rows(tmp_path: Path, content: str, titles: list[str], lines: list[int | None]) -> None:
    articles, failures = read(write(tmp_path, "a.csv", content))
    assert [article.title for article in articles] == titles
    assert [failure.line for failure in failures] == lines


def test_long_csv_cell(tmp_path: Path) -> None:
    text = "word " * 40_000
    articles, _ = read(write(tmp_path, "a.csv", f"text\n{text}\n"))
    assert articles[0].text == text


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json"])
def test_encodings_of_tables(tmp_path: Path, encoding: str, suffix: str) -> None:
    row = {"title": "中国和美国的会谈", "text": CHINESE}
    content = (
        json.dumps(row, ensure_ascii=False) if suffix != ".csv" else "title,text\n" + ",".join(row.values())
    )
    articles, failures = read(write(tmp_path, f"a{suffix}", content.encode(encoding)))
    assert not failures
    assert (articles[0].title, articles[0].text) == (row["title"], CHINESE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "no rows"),
        ("12", "list of objects"),
        ("[1]", "must be an object"),
        ('{"text": ', "broken JSON"),
    ],
)
def test_json_of_another_shape(tmp_path: Path, content: str, reason: str) -> None:
    assert reason in read(write(tmp_path, "a.json", content))[1][0].reason


def test_parquet_types_and_nulls(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "text": ["One.", None, "Three."],
            "date": [datetime(2025, 10, 8, 22, 24, tzinfo=UTC), None, None],
            "unused": [b"\x00", b"\x01", b"\x02"],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    articles, failures = read(tmp_path / "a.parquet")
    assert [(a.source_position, a.published) for a in articles] == [
        (1, "2025-10-08T22:24:00+00:00"),
        (3, None),
    ]
    assert [failure.line for failure in failures] == [2]
    days = pyarrow.table({"content": ["One."], "date": [date(2025, 1, 2)]})
    pyarrow.parquet.write_table(days, tmp_path / "b.parquet")
    assert read(tmp_path / "b.parquet")[0][0].published == "2025-01-02"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "c.parquet")
    assert "columns found: a" in read(tmp_path / "c.parquet")[1][0].reason


def test_rows_are_streamed(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", (json.dumps({"text": ENGLISH}) + "\n") * 50_000)
    reader = read_articles([path])
    next(reader)
    next(reader)  # comes at once; the rest is never read


lines = st.lists(
    st.one_of(
        st.text(max_size=40).filter(lambda text: not set(text) & set("\r\n\x85\u2028\u2029")),
        st.dictionaries(st.sampled_from(["text", "title", "id", "date", "外"]), st.text(max_size=20)).map(
            json.dumps
        ),
        st.recursive(st.none() | st.floats() | st.text(max_size=9), st.lists).map(json.dumps),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines)
def test_every_jsonl_line_is_an_article_or_a_failure(tmp_path: Path, rows: list[str]) -> None:
    path = write(tmp_path, "a.jsonl", "\n".join(rows).encode("utf-8", "surrogatepass"))
    articles, failures = read(path, encoding="utf-8")
    filled = [row for row in rows if row.strip("\ufeff\x00 \t\r\n")]
    if filled:
        assert len(articles) + len(failures) == len(filled)
    else:
        assert len(failures) == 1
    for article in articles:
        json.dumps(article.text, ensure_ascii=False).encode("utf-8")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from([".csv", ".json", ".jsonl", ".txt", ".html", ".md", ".dat", ".parquet"]),
)
def test_no_bytes_raise(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = write(tmp_path, f"a{suffix}", content)
    articles, failures = read(path)
    assert articles or failures
    path.unlink()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=30)), min_size=1, max_size=6))
def test_well_formed_csv_loses_no_row(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO()
    clean = [
        tuple(cell.encode("utf-8", "replace").decode().replace("\r", "") for cell in row) for row in rows
    ]
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("title", "text"), *clean])
    articles, failures = read(write(tmp_path, "a.csv", stream.getvalue()), encoding="utf-8")
    assert len(articles) + len(failures) >= sum(1 for row in clean if any(cell.strip() for cell in row))
