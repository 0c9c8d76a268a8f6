"""Readers of labelled sets, sentence pairs and plain text, on tiny files."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from polystance.errors import DataError
from polystance.models.records import Mention
from polystance.training.corpora import Pair, clean, read_pairs, sample_texts
from polystance.training.examples import READERS, read_examples, read_rows
from tests.unit.tiny import write_jsonl

NEWS = {
    "id": "n1",
    "lang": "en",
    "title": "China waits",
    "text": "Russia said China was late.",
    "date": "2025-03",
    "source": "Harbour Post",
    "stance": {"CN": "against", "RU": "neutral", "JP": "unclear"},
    "tone": "negative",
    "frames": ["economic"],
    "evidence": {"CN": "China was late."},
}


def test_country_news(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        NEWS,
        {**NEWS, "id": "n2", "title": None, "tone": "mixed", "frames": [], "date": None, "evidence": None},
        {**NEWS, "id": "n3", "evidence": {"CN": ["China", "late"]}, "date": "2025-03-02"},
    ]
    write_jsonl(tmp_path / "country-news" / "dev.jsonl", rows)
    first, second, third = read_examples(tmp_path, "country-news", "dev")
    assert first.stances == {"CN": "against", "RU": "neutral"}
    assert first.title_mentions == (Mention("CN", 0, 5),)
    assert first.text_mentions == (Mention("RU", 0, 6), Mention("CN", 12, 17))
    assert (first.tone, first.frames, first.group) == ("negative", ("economic",), "Harbour Post")
    assert first.evidence == {"CN": ("China was late.",)}
    assert (second.title, second.tone, second.frames, second.evidence) == ("", None, (), {})
    assert third.evidence == {"CN": ("China", "late")}


def vote(label: str, target: str = "the mayor", **more: Any) -> dict[str, Any]:
    return {
        "id": f"{target}-{label}",
        "text": "The mayor spoke.",
        "target": target,
        "label": label,
        "lang": "en",
        **more,
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["favor"], "favor"),
        (["favor", "against", "favor"], "favor"),
        (["neutral", "against"], None),
        (["favor", "favor", "against", "against", "neutral"], None),
    ],
)
def test_the_majority_decides_and_a_tie_leaves_out(
    tmp_path: Path, labels: list[str], expected: str | None
) -> None:
    write_jsonl(tmp_path / "dse" / "all.jsonl", [vote(x) for x in labels])
    found = read_examples(tmp_path, "dse", "all")
    assert [e.stances for e in found] == ([{"the mayor": expected}] if expected else [])


def test_rows_of_one_text_become_one_example(tmp_path: Path) -> None:
    rows = [
        vote("favor", target_start=4, target_end=9, doc_id="d7", subset="north"),
        vote("favor", target_start=4, target_end=9),
        vote("against", "the port", target_start=0, target_end=3),
        vote("neutral", "torn"),
        vote("favor", "torn", target_start=1, target_end=2),
        {**vote("neutral"), "text": "Another text.", "id": "x"},
    ]
    write_jsonl(tmp_path / "newsmtsc" / "dev.jsonl", rows)
    first, second = read_examples(tmp_path, "newsmtsc", "dev")
    assert first.stances == {"the mayor": "favor", "the port": "against"}
    assert first.text_mentions == (Mention("the port", 0, 3), Mention("the mayor", 4, 9))
    assert (first.document, first.group, first.tone, first.frames) == ("d7", "north", None, None)
    assert (second.document, second.text_mentions) == ("x", ())


def test_targets_without_offsets_are_marked_where_they_stand(tmp_path: Path) -> None:
    rows = [
        {**vote("favor", "The Mayor"), "id": "a"},
        {**vote("against", "spoke", target_start=10, target_end=15), "id": "b"},
        {**vote("neutral", "the harbour"), "id": "c"},
    ]
    write_jsonl(tmp_path / "c-stance" / "train.jsonl", rows)
    (found,) = read_examples(tmp_path, "c-stance", "train")
    assert found.text_mentions == (Mention("The Mayor", 0, 9), Mention("spoke", 10, 15))
    assert found.stances == {"The Mayor": "favor", "spoke": "against", "the harbour": "neutral"}


def test_contrasts_ship_in_pairs_that_differ() -> None:
    found = read_examples(Path("nowhere"), "contrasts", "train")
    pairs: dict[str, list[Any]] = {}
    for example in found:
        pairs.setdefault(example.document, []).append(example)
    assert len(found) > 1_000
    assert {example.language for example in found} == {"zh", "en"}
    for one, two in pairs.values():
        assert one.text != two.text
        assert one.stances != two.stances, one.id
        named = {m.target for m in (*one.text_mentions, *two.text_mentions)}
        assert named <= one.stances.keys() | two.stances.keys()


def test_gzipped_rows(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "train.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(json.dumps({"text": "港口"}) + "\n")
    assert list(read_rows(tmp_path, "train")) == [{"text": "港口"}]


@pytest.mark.parametrize("name", sorted(READERS.keys() - {"contrasts"}))  # these ship
def test_a_missing_folder_says_where_to_look(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"train\.jsonl.*{name}.*folder"):
        read_examples(tmp_path, name, "train")


def test_an_unknown_set_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'mine'.*country-news"):
        read_examples(tmp_path, "mine", "train")


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"id": "n1", ', r"line 2"), ('{"id": "n1"}', r"'dev' has no 'stance'"), ("[]", r"line 2")],
)
def test_a_bad_row_is_a_data_error(tmp_path: Path, line: str, message: str) -> None:
    path = write_jsonl(tmp_path / "country-news" / "dev.jsonl", [NEWS])
    path.write_text(f"{path.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_examples(tmp_path, "country-news", "dev")


def parallel(folder: Path, name: str, *lines: str) -> None:
    path = folder / "corpora" / "parallel" / f"{name}.tsv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def test_pairs_are_simplified_and_stripped(tmp_path: Path) -> None:
    parallel(tmp_path, "port", "港口條約\tA `harbour` treaty", "`船`\tship\tnote")
    assert read_pairs(tmp_path, "port") == [Pair("港口条约", "A harbour treaty"), Pair("船", "ship")]
    parallel(tmp_path, "bad", "港口\tport", "no tab here")
    with pytest.raises(DataError, match="line 2"):
        read_pairs(tmp_path, "bad")
    with pytest.raises(DataError, match=r"none\.tsv\.gz"):
        read_pairs(tmp_path, "none")


def test_texts_are_sampled_from_each_corpus(tmp_path: Path) -> None:
    folder = tmp_path / "corpora" / "zh"
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps({"text": name * 10, "title": None}) + "\n" for _ in range(9))
    texts = sample_texts(tmp_path, "zh", 60)
    assert [t.strip()[0] for t in texts] == ["a"] * 3 + ["b"] * 3
    with pytest.raises(DataError, match="en"):
        sample_texts(tmp_path, "en", 60)


def test_clean() -> None:
    assert clean(" a\u3000b\n\tc ") == "a b c"
