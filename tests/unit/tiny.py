"""A tiny seeded checkpoint: two layers, 32 wide, a vocabulary counted on a few invented sentences."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForTokenClassification

from polystance.models.checkpoint import Settings, save_checkpoint
from polystance.models.labels import FRAMES, OUTPUTS
from polystance.models.targets import target_name
from polystance.training.vocabulary import SPECIALS, VocabularyConfig, build_tokenizer, count_words

ENGLISH = (
    "Washington praised the harbour treaty with Tokyo. The United States will lend its ships.",
    "China said the new ferry was late. Russia said nothing about the rare earth export controls.",
    "A quiet week in the valley, with rain and two small fairs.",
)
CHINESE = (
    "美国赞扬港口条约,中国提出批评。",
    "俄罗斯没有回应,日本表示欢迎。",
    "山谷里下了一周的雨,集市照常举行。",
)
# Twenty targets whose names the vocabulary holds whole, so that headers stay short.
TWENTY = (
    "US", "CN", "RU", "JP", "DE", "FR", "GB", "IN", "IR", "IL",
    "UA", "TW", "KR", "KP", "BR", "MX", "CA", "AU", "IT", "ES",
)  # fmt: skip
WINDOW = 96


def tiny_tokenizer() -> Tokenizer:
    names = [target_name(code, "en") for code in TWENTY]
    pieces = Counter(w.lower() for text in (*ENGLISH, *names) for w in re.findall(r"\w+", text))
    characters, words = count_words([*CHINESE, *(target_name(code, "zh") for code in TWENTY)])
    return build_tokenizer(
        pieces, characters, words, VocabularyConfig(english=400, characters=300, words=200)
    )[0]


def tiny_config(vocabulary: int, **changes: Any) -> BertConfig:
    options: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 512,
        "pad_token_id": SPECIALS.index("[PAD]"),
        "initializer_range": 0.3,  # wide, so that labels differ between texts
        "num_labels": len(OUTPUTS),
        "id2label": dict(enumerate(OUTPUTS)),
        "label2id": {name: i for i, name in enumerate(OUTPUTS)},
    }
    return BertConfig(**(options | changes))


def tiny_model(vocabulary: int, **changes: Any) -> BertForTokenClassification:
    torch.manual_seed(7)
    return BertForTokenClassification(tiny_config(vocabulary, **changes))


def write_tiny(folder: Path, **changes: Any) -> Path:
    tokenizer = tiny_tokenizer()
    settings = Settings(name="tiny", window_tokens=WINDOW, frame_thresholds=dict.fromkeys(FRAMES, 0.4))
    save_checkpoint(tiny_model(tokenizer.get_vocab_size(), **changes), tokenizer, settings, folder)
    return folder


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def news(number: int, text: str, stance: dict[str, str], tone: str) -> dict[str, Any]:
    return {
        "id": f"n{number}", "lang": "en" if text.isascii() else "zh", "title": "", "text": text,
        "stance": stance, "tone": tone, "frames": ["political"] if number % 2 else [], "source": "Post",
    }  # fmt: skip


def write_news(data: Path) -> Path:
    """A data folder with a few invented passages as country-news."""
    folder = data / "data" / "country-news"
    train = [
        news(0, ENGLISH[0], {"US": "favor", "JP": "neutral"}, "positive"),
        news(1, ENGLISH[1], {"CN": "against", "RU": "neutral"}, "negative"),
        news(2, CHINESE[0], {"US": "favor", "CN": "against"}, "neutral"),
        news(3, CHINESE[2], {}, "neutral"),
        news(4, "Italy said nothing was late.", {"IT": "neutral"}, "neutral"),
        news(5, CHINESE[1], {"RU": "neutral", "JP": "favor"}, "positive"),
    ]
    write_jsonl(folder / "train.jsonl", train)
    dev = [train[5], news(6, "China praised Russia.", {"CN": "favor", "RU": "favor"}, "positive")]
    write_jsonl(folder / "dev.jsonl", dev)
    stances = {"US": "favor", "CN": "against"}
    articles = [
        news(number, " ".join(sentences * 4), stances, "neutral")
        for number, sentences in ((7, ENGLISH + CHINESE), (8, ENGLISH))
    ]
    write_jsonl(folder / "articles_dev.jsonl", articles)
    return data
