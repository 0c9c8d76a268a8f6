"""Labelled data in the forms that others publish, on rows written for these tests."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest

from polystance.errors import DataError
from polystance.models.records import Mention
from polystance.training.datafiles import load_examples
from tests.unit.tiny import write_jsonl

SENTENCE = "Mayor Lind thanked Ms Oro, who had shouted at her."


def test_newsmtsc_of_the_archive(tmp_path: Path) -> None:
    lind = {"Input.gid": "a", "from": 0, "to": 10, "mention": "Mayor Lind", "polarity": 6.0}
    oro = {"Input.gid": "b", "from": 18, "to": 24, "mention": "Ms Oro", "polarity": 2.0}  # off by one
    row = {"primary_gid": "g1", "sentence_normalized": SENTENCE, "targets": [lind, oro]}
    second = {
        "primary_gid": "g2",
        "sentence_normalized": SENTENCE[:10],
        "targets": [{**lind, "polarity": 4.0}],
    }
    first, other = load_examples(write_jsonl(tmp_path / "devtest_rw.jsonl", [row, second]))
    assert first.stances == {"Mayor Lind": "favor", "Ms Oro": "against"}
    assert first.text_mentions == (Mention("Mayor Lind", 0, 10), Mention("Ms Oro", 19, 25))
    assert (first.id, first.language, first.text) == ("g1", "en", SENTENCE)
    assert other.stances == {"Mayor Lind": "neutral"}


def test_newsmtsc_of_the_hub(tmp_path: Path) -> None:
    row = {"mention": "Ms Oro", "polarity": -1, "from": 19, "to": 25, "sentence": SENTENCE, "id": "g1"}
    rows = [row, {**row, "mention": "Mayor Lind", "polarity": 1, "from": 0, "to": 10}]
    (example,) = load_examples(write_jsonl(tmp_path / "test.jsonl", rows))
    assert example.stances == {"Ms Oro": "against", "Mayor Lind": "favor"}


def test_c_stance(tmp_path: Path) -> None:
    path = tmp_path / "raw_test_all_onecol.csv.gz"
    post = "新渡轮又晚点了，大家都不想再坐"
    with gzip.open(path, "wt", encoding="utf-8-sig", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["Text", "Target 1", "Stance 1", "In Use", "Type"])
        table.writerow([post, "新渡轮", "反对", "1", "noun_phrases"])
        table.writerow([post, "新渡轮很准时", "反对 ", "1", "claims"])
        table.writerow([post, "港口", "中立", "0", "noun_phrases"])
    (example,) = load_examples(path)
    assert example.stances == {"新渡轮": "against", "新渡轮很准时": "against"}
    assert (example.language, example.group) == ("zh", "noun_phrases")
    assert example.text_mentions == (Mention("新渡轮", 0, 3),)


def test_x_stance(tmp_path: Path) -> None:
    row = {
        "id": 7, "language": "de", "question_id": 3, "question": "Soll die Stadt eine Fähre kaufen?",
        "comment": "Nein, sie ist zu teuer.", "label": "AGAINST", "numerical_label": 0, "author": "aa",
        "topic": "Infrastructure", "test_set": "new_topics_defr",
    }  # fmt: skip
    french = {**row, "id": 8, "language": "fr", "comment": "Oui.", "label": "FAVOR", "test_set": None}
    german, other = load_examples(write_jsonl(tmp_path / "test.jsonl", [row, french]))
    assert german.stances == {"Soll die Stadt eine Fähre kaufen?": "against"}
    assert (german.document, german.group) == ("aa", "new_topics_defr")
    assert (other.language, other.document, other.group) == ("fr", "aa", "Infrastructure")


OWN: dict[str, Any] = {
    "text": "Japan praised the rare earth deal.",
    "lang": "en",
    "stance": {"Japan": "favor"},
}


def test_rows_of_ones_own(tmp_path: Path) -> None:
    full = {
        **OWN, "id": "x", "document": "d", "title": "Tokyo signs", "outlet": "Harbour Post",
        "tone": "positive", "frames": ["economic"],
        "stance": {"Japan": "favor", "rare earth deal": "neutral"},
    }  # fmt: skip
    first, second = load_examples(
        write_jsonl(tmp_path / "mine.jsonl", [full, {**OWN, "text": "Japan left."}])
    )
    assert first.stances == {"JP": "favor", "rare earth deal": "neutral"}
    assert first.title_mentions == (Mention("JP", 0, 5),)
    assert first.text_mentions == (Mention("JP", 0, 5), Mention("rare earth deal", 18, 33))
    assert (first.document, first.group, first.tone, first.frames) == (
        "d", "Harbour Post", "positive", ("economic",),
    )  # fmt: skip
    assert (second.document, second.tone, second.frames) == (second.id, None, None)


def test_other_names_of_columns_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "coded.csv"
    path.write_text("wording,whom,view\nJapan left.,Japan,hostile\n", encoding="utf-8")
    columns = {"text": "wording", "target": "whom", "stance": "view"}
    (example,) = load_examples(path, columns=columns, labels={"hostile": "against"})
    assert example.stances == {"JP": "against"}


def test_only_what_a_table_tests_on_is_scored(tmp_path: Path) -> None:
    other = {**OWN, "text": "Tokyo signed the rare earth deal.", "split": "train"}
    path = write_jsonl(tmp_path / "mine.jsonl", [{**OWN, "split": "test"}, other])
    assert [e.text for e in load_examples(path)] == [OWN["text"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stance": {"JP": "good"}}, r"row 2: the stance 'good' is none of favor, neutral, against"),
        ({"stance": {"QX": "favor"}}, "row 2: .*QX"),
        ({"tone": "mixed"}, "row 2: the tone 'mixed'"),
        ({"frames": ["war"]}, "row 2: the frame 'war'"),
        ({"lang": None, "language": None, "text": " "}, "row 2: .*no text"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write_jsonl(tmp_path / "mine.jsonl", [OWN, {**OWN, **change}])
    with pytest.raises(DataError, match=message):
        load_examples(path)


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No labelled data"):
        load_examples(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="no rows"):
        load_examples(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="no column of"):
        load_examples(write_jsonl(tmp_path / "odd.jsonl", [{"body": "x"}]))
    (tmp_path / "big5.csv").write_bytes("Text,Target 1,Stance 1\n新渡輪,港口,支持\n".encode("big5"))
    with pytest.raises(DataError, match="can't decode"):
        load_examples(tmp_path / "big5.csv")
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}')[:12])
    with pytest.raises(DataError, match=r"torn\.jsonl\.gz, row 0"):
        load_examples(tmp_path / "torn.jsonl.gz")


def test_seeds_and_folders(tmp_path: Path) -> None:
    assert len(load_examples("seeds")) == 80
    row = {"id": "1", "lang": "en", "text": "The mayor spoke.", "target": "the mayor", "label": "favor"}
    write_jsonl(tmp_path / "dse" / "dev.jsonl", [row])
    assert [e.id for e in load_examples(tmp_path, "dse", "dev")] == ["1"]
