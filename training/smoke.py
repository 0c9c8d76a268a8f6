"""The whole way from data to a scored checkpoint in half a minute, on the sample corpus and a toy encoder.

    python -m polystance.training.smoke OUT

Every stage runs as it does for the checkpoint that ships, on a model far too small and too little trained to
be of use: this shows that the chain holds, not how good a model is.
"""

from __future__ import annotations

import gzip
import json
import logging
import lzma
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertModel

from polystance.models.checkpoint import load_checkpoint
from polystance.models.targets import cldr_names
from polystance.seeds import resource
from polystance.training.alignment import AlignmentConfig
from polystance.training.evaluation import evaluate_dataset
from polystance.training.examples import Example, read_seeds
from polystance.training.finetuning import FinetuningConfig
from polystance.training.pipeline import run_recipe
from polystance.training.recipe import DataConfig, Recipe, Stage
from polystance.training.results import FOLDER, on_seeds, write
from polystance.training.selftraining import SelfTrainingConfig
from polystance.training.vocabulary import SPECIALS, VocabularyConfig

_DEV: Final = ("e03", "e08", "e13", "e18")
_TEST: Final = ("e05", "e10", "e15", "e20")


def run_smoke(out: Path) -> Path:
    """Build data and teacher from `seeds/`, train, and score; returns the folder of the checkpoint."""
    data = write_data(out / "data")
    teacher = write_teacher(out / "teacher")
    checkpoint = run_recipe(recipe(teacher), data, out / "checkpoint", out / "work")
    results = checkpoint / FOLDER
    results.mkdir(exist_ok=True)
    scores = evaluate_dataset(data / "data", "country-news", "test", checkpoint)
    write(results / "country-news.json", scores)
    write(results / "robustness.json", on_seeds(load_checkpoint(checkpoint)))
    return checkpoint


def recipe(teacher: Path) -> Recipe:
    """A few steps of everything: alignment with masked news, two teachers, and a student of theirs."""
    tuning = FinetuningConfig(steps=12, batch_size=8, evaluate_every=6, max_tokens=96, subset=0.2)
    corpora = dict.fromkeys(("zh", "en"), ("seeds",))
    taught = SelfTrainingConfig(("first", "second"), corpora, passages=20, confidence=0.34, neutral=1.0)
    return Recipe(
        name="smoke",
        teacher=str(teacher),
        window_tokens=96,
        vocabulary=VocabularyConfig(english=1_500, characters=1_500, words=800),
        alignment=AlignmentConfig(
            corpora=("names",),
            dictionaries=(),
            held_out=("titles",),
            steps=8,
            negatives=32,
            masked_tokens=256,
            block=32,
        ),
        stages=(
            Stage("first", (DataConfig("country-news"),), tuning),
            Stage("second", (DataConfig("country-news", neutral=0.5, exchange=0.5),), tuning),
            Stage("student", (DataConfig("country-news"),), tuning, taught, start="first"),
        ),
    )


def write_data(folder: Path) -> Path:
    """The sample corpus as a data folder in the form that CONTRIBUTING.md states; splits share no event."""
    examples = read_seeds()
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for e in examples:
        splits["dev" if e.document in _DEV else "test" if e.document in _TEST else "train"].append(e)
    for split, found in (*splits.items(), ("articles_dev", splits["dev"])):
        _write(folder / "data" / "country-news" / f"{split}.jsonl", map(_row, found))
    for language in ("zh", "en"):
        path = folder / "corpora" / language / "seeds.jsonl.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(path, "wt", encoding="utf-8") as stream:
            for e in splits["train"]:
                if e.language == language:
                    row = {"id": e.id, "title": e.title, "text": e.text}
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    events = map(json.loads, resource("events.jsonl").read_text(encoding="utf-8").splitlines())
    zh, en = cldr_names("zh_Hans"), cldr_names("en")
    _write_pairs(folder, "titles", ((event["title_zh"], event["title_en"]) for event in events))
    welcome = ((f"{zh[code]}政府表示欢迎", f"The government of {en[code]} welcomed it") for code in zh)
    _write_pairs(folder, "names", welcome)
    return folder


def write_teacher(folder: Path) -> Path:
    """A toy English encoder: word pieces learnt on the sample corpus, two random layers of 64."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = [e.text for e in read_seeds() if e.language == "en"]
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=2_000, special_tokens=list(SPECIALS), show_progress=False)
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _row(e: Example) -> dict[str, Any]:
    fields = asdict(e)
    return {
        **{name: fields[name] for name in ("id", "title", "text", "tone", "evidence")},
        "lang": e.language,
        "stance": dict(e.stances),
        "frames": list(e.frames or ()),
        "source": e.group,
    }


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


def _write_pairs(folder: Path, name: str, pairs: Iterable[tuple[str, str]]) -> None:
    path = folder / "corpora" / "parallel" / f"{name}.tsv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(f"{zh}\t{en}\n" for zh, en in pairs)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(run_smoke(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/smoke")))
