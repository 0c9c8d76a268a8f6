"""Passages of unlabelled corpora, and the labels that ship for some of them."""

from __future__ import annotations

import json
import lzma
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polystance.errors import DataError
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.targets import is_country
from polystance.training import examples
from polystance.training.examples import read_examples, read_rows
from polystance.training.passages import Document, Passage, cut_passages, read_documents

ENGLISH = Document(
    "port", "p1", "en", "Ferry late", " ".join(f"China sent ferry number {i}." for i in range(99))
)
CHINESE = Document("port", "p2", "zh", "", "中国派出了渡轮。" * 99)


def corpus(folder: Path, language: str, rows: list[dict[str, Any]]) -> None:
    path = folder / "corpora" / language / "port.jsonl.xz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("document", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_passages_cover_the_document_without_overlap(document: Document) -> None:
    passages = cut_passages(document, Random(1))
    assert len(passages) > 5
    assert "".join("".join(p.text for p in passages).split()) == "".join(document.text.split())
    assert all(a.end <= b.start for a, b in pairwise(passages))
    assert max(len(p.text) for p in passages) <= 900
    assert cut_passages(document, Random(1)) == passages
    assert cut_passages(Document("port", "p3", "en", "", "  "), Random(1)) == []


def test_documents_are_read_and_what_is_missing_is_told(tmp_path: Path) -> None:
    corpus(tmp_path, "en", [{"id": "p1", "text": "China.", "title": None, "date": "2020-01-02"}])
    assert list(read_documents(tmp_path, "en", "port")) == [
        Document("port", "p1", "en", "", "China.", "2020-01-02")
    ]
    with pytest.raises(DataError, match=r"zh.port\.jsonl\.xz"):
        list(read_documents(tmp_path, "zh", "port"))
    corpus(tmp_path, "zh", [{"text": "中国。"}])
    with pytest.raises(DataError, match=r"line 1.*`id`"):
        list(read_documents(tmp_path, "zh", "port"))


@pytest.fixture
def annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one corpus, and labels of one of its passages in place of those that ship."""
    text = "Nobody came. China praised Russia. The end."
    corpus(tmp_path, "en", [{"id": "p0", "text": "No."}, {"id": "p1", "text": text, "title": "Japan waits"}])
    document = Document("port", "p1", "en", "Japan waits", text)
    passage = Passage(document, 13, 34)
    row = {
        "lang": "en", "corpus": "port", "document": "p1", "start": 13, "end": 34,
        "fingerprint": passage.fingerprint, "stance": {"CN": "neutral", "RU": "favor", "JP": "not_mentioned"},
        "tone": "positive", "frames": ["political"],
    }  # fmt: skip
    labels = tmp_path / "package" / "annotations"
    labels.mkdir(parents=True)
    (labels / "one.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.setattr(examples, "files", lambda _: tmp_path / "package")
    return tmp_path


def test_labels_find_their_text(annotated: Path) -> None:
    (found,) = read_examples(annotated / "data", "annotations", "one")
    assert (found.document, found.title, found.text) == ("p1", "Japan waits", "China praised Russia.")
    assert found.stances == {"CN": "neutral", "RU": "favor"}
    assert [(m.target, m.start) for m in found.text_mentions] == [("CN", 0), ("RU", 14)]
    assert found.title_mentions == ()
    assert (found.tone, found.frames) == ("positive", ("political",))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"text": "Somebody came. China praised Russia. The end."}, "another text"), ({"id": "p9"}, "lacks 1")],
)
def test_another_corpus_is_told(annotated: Path, change: dict[str, str], message: str) -> None:
    row = {"id": "p1", "text": "Nobody came. China praised Russia. The end.", "title": "Japan waits"}
    corpus(annotated, "en", [row | change])
    with pytest.raises(DataError, match=message):
        read_examples(annotated / "data", "annotations", "one")


def shipped() -> list[Path]:
    return sorted(Path(str(files("polystance.training") / "annotations")).glob("round-*.jsonl.gz"))


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_labels_that_ship_are_in_the_scheme_and_hold_no_text(path: Path) -> None:
    rows = list(read_rows(path.parent, path.name.removesuffix(".jsonl.gz")))
    assert rows
    places = {(row["corpus"], row["document"], row["start"], row["end"]) for row in rows}
    assert len(places) == len(rows)
    for row in rows:
        assert set(row) == {
            "lang", "corpus", "document", "start", "end", "fingerprint", "stance", "tone", "frames",
        }  # fmt: skip
        assert set(row["stance"].values()) <= {*STANCES, "not_mentioned"}
        assert all(is_country(target) for target in row["stance"])
        assert row["tone"] in (*TONES, None)
        assert set(row["frames"]) <= set(FRAMES)
        assert 0 <= row["start"] < row["end"]
