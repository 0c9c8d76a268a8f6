"""The classifier: articles in, labels out, in input order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from polystance.errors import UsageError
from polystance.inference.prefetch import prefetch
from polystance.inference.sources import Failure, read_articles
from polystance.inference.sources.outlets import OutletRegistry
from polystance.inference.sources.splits import is_dataset
from polystance.models.checkpoint import Checkpoint, load_checkpoint
from polystance.models.forward import default_batch_tokens, forward
from polystance.models.labels import FRAME_SLICE, FRAMES, STANCE_SLICE, STANCES, TONE_SLICE, TONES, UNCERTAIN
from polystance.models.mentions import MentionFinder, default_finder, find_literal
from polystance.models.precision import pick_precision
from polystance.models.records import Article, ArticleLabels, Evidence, StanceLabel, ToneLabel
from polystance.models.scripts import without_surrogates
from polystance.models.targets import is_country, parse_targets
from polystance.models.texts import detect_language, language_code
from polystance.models.windows import Spot, Window, make_windows, spots

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

ArticleLike = Article | Mapping[str, Any] | str
Targets = Literal["auto"] | Sequence[str]

_FIELDS = tuple(f.name for f in fields(Article))
MAX_FRAMES = 3
TITLE_HANDICAP = 1.0  # logits
_FIRST_CHUNK = 4  # articles


@dataclass(slots=True)
class _Job:
    """An article on its way through the model. `outputs`: per window and pass, logits (n, 20)."""

    article: Article
    targets: tuple[str, ...]
    mentions: Mapping[str, int]
    windows: list[Window]
    outputs: list[list[NDArray[np.float32]]]


class StanceClassifier:
    """Labels stance per target, tone and frames of news articles.

    Args:
        checkpoint: Model, input encoder and settings; `from_pretrained` loads one.
        batch_tokens: Tokens of a batch after padding. More is faster on a GPU and takes more memory.
        batch_articles: Articles that are read ahead and sorted by length together.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        batch_tokens: int | None = None,
        batch_articles: int = 256,
        finder: MentionFinder | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.batch_tokens = batch_tokens or default_batch_tokens(checkpoint.model.device)
        self.batch_articles = batch_articles
        self.finder = finder or default_finder()

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        device: str = "auto",
        *,
        precision: str = "auto",
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
    ) -> StanceClassifier:
        """Load a checkpoint.

        Args:
            model: None for the one that ships with polystance; else a folder or a hub id.
            device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".
            precision: "auto" (bf16 where the device is made for it, else fp32), "fp32", "bf16", or "int8"
                (ONNX Runtime on a CPU; made on first use, which takes a minute, and kept in a cache).
            revision: Branch, tag or commit of a hub id.
            cache_dir: Where files of a hub id are kept; the cache of the Hugging Face client if None.
            token: Of the hub; None for the one that was logged in with, False for none.
            local_files_only: Take what the cache has and ask nobody, as HF_HUB_OFFLINE does.

        Raises:
            CheckpointError: There is no usable checkpoint at `model`.
            UsageError: The device doesn't exist here, or can't compute in this precision.
        """
        name = pick_device(device)
        chosen = pick_precision(precision, name)
        dtype = torch.bfloat16 if chosen == "bf16" else torch.float32
        checkpoint = load_checkpoint(
            model,
            device=name,
            dtype=dtype,
            revision=revision,
            cache_dir=cache_dir,
            token=token,
            local_files_only=local_files_only,
        )
        if chosen == "int8":
            from polystance.models.onnx import quantised

            checkpoint = quantised(checkpoint)
        return cls(checkpoint)

    def classify(
        self,
        articles: Iterable[ArticleLike] | ArticleLike | Dataset | IterableDataset,
        targets: Targets = "auto",
        *,
        min_confidence: float = 0.0,
    ) -> list[ArticleLabels]:
        """Label articles, in input order.

        Args:
            articles: `Article`s, mappings with its fields (`text` at least), or plain texts; or a data set of
                the `datasets` library, whose columns are guessed (see `read_articles` to name them).
            targets: "auto" labels every country that an article mentions; or codes, names or free
                text, each of which is then labelled in every article, mentioned or not.
            min_confidence: Stances whose probability is lower get the label "uncertain".

        Raises:
            TargetError: A target is no known country code.
            UsageError: An article has no text, or the options are out of range.
        """
        if isinstance(articles, str | Mapping | Article) and not is_dataset(articles):
            articles = [articles]
        return list(self.classify_stream(articles, targets, min_confidence=min_confidence))

    def classify_stream(
        self,
        articles: Iterable[ArticleLike] | Dataset | IterableDataset,
        targets: Targets = "auto",
        *,
        min_confidence: float = 0.0,
    ) -> Iterator[ArticleLabels]:
        """As `classify`, for any number of articles: reads three times `batch_articles` ahead, no more.

        The first chunks are small, so that the first labels come soon.
        """
        chosen = chosen_targets(targets, min_confidence)
        if is_dataset(articles):
            articles = _dataset_articles(articles)
        numbered = (as_article(article, number) for number, article in enumerate(articles, 1))
        for jobs in prefetch(self._prepare(chunk, chosen) for chunk in self._chunks(numbered)):
            self._run(jobs)
            for job in jobs:
                yield self._label(job, min_confidence)

    def classify_groups(
        self,
        groups: Iterable[Sequence[ArticleLike]],
        targets: Targets = "auto",
        *,
        min_confidence: float = 0.0,
    ) -> Iterator[list[ArticleLabels]]:
        """The labels of each group of articles, which depend on nothing outside it, to the last bit.

        Among other texts in a batch the probabilities of a text come out a rounding error apart, so what must
        be the same after a stop can not share its batches. The next group is read and tokenised meanwhile.
        """
        chosen = chosen_targets(targets, min_confidence)

        def prepared() -> Iterator[tuple[list[_Job], bool]]:
            for group in groups:
                articles = [as_article(article, number) for number, article in enumerate(group, 1)]
                for start in range(0, len(articles) or 1, self.batch_articles):
                    end = start + self.batch_articles
                    yield self._prepare(articles[start:end], chosen), end >= len(articles)

        labels: list[ArticleLabels] = []
        for jobs, last in prefetch(prepared()):
            self._run(jobs)
            labels += [self._label(job, min_confidence) for job in jobs]
            if last:
                yield labels
                labels = []

    def _chunks(self, articles: Iterator[Article]) -> Iterator[list[Article]]:
        size = min(_FIRST_CHUNK, self.batch_articles)
        while chunk := list(islice(articles, size)):
            yield chunk
            size = min(4 * size, self.batch_articles)

    def _prepare(self, articles: Sequence[Article], chosen: tuple[str, ...] | None) -> list[_Job]:
        found = []
        for article in articles:
            title = self.finder.find(article.title, article.published)
            text = self.finder.find(article.text, article.published)
            if chosen is not None:
                free = [t for t in chosen if not is_country(t)]
                title = sorted([*title, *find_literal(article.title, free)], key=lambda m: m.start)
                text = sorted([*text, *find_literal(article.text, free)], key=lambda m: m.start)
            found.append((title, text))
        wanted = []
        for title, text in found:
            named = tuple(dict.fromkeys(m.target for m in (*title, *text)))
            wanted.append(named if chosen is None else chosen)
        encoder = self.checkpoint.encoder
        tokenised = encoder.sentences_of(
            [
                (a.title, a.text, [m for m in title if m.target in w], [m for m in text if m.target in w])
                for a, (title, text), w in zip(articles, found, wanted, strict=True)
            ]
        )
        jobs = []
        for article, (title, text), targets, sentences in zip(
            articles, found, wanted, tokenised, strict=True
        ):
            counts = dict.fromkeys(targets, 0)
            for mention in (*title, *text):
                if mention.target in counts:
                    counts[mention.target] += 1
            names = "zh" if article.language == "zh" else "en"
            windows = make_windows(encoder, sentences, targets, names, self.checkpoint.settings.window_tokens)
            jobs.append(_Job(article, targets, counts, windows, [[] for _ in windows]))
        return jobs

    def _run(self, jobs: Sequence[_Job]) -> None:
        """Fill in `outputs` of every job, all of them together so that batches are full."""
        passes = [encoded for job in jobs for window in job.windows for encoded in window.passes]
        logits = iter(forward(self.checkpoint.model, passes, self.batch_tokens))
        for job in jobs:
            job.outputs = [[next(logits) for _ in window.passes] for window in job.windows]

    def _label(self, job: _Job, min_confidence: float) -> ArticleLabels:
        settings = self.checkpoint.settings
        calibration, language = settings.calibration, job.article.language
        # Tone and frames stand at [CLS] of each window; the first pass is as good as any other.
        tops = np.array([outputs[0][0] for outputs in job.outputs], dtype=np.float64)
        first = np.arange(len(tops)) == 0
        tone = calibration.softmax("tone", settings.tone_pooling.pool(tops[:, TONE_SLICE], first), language)
        frames = calibration.sigmoid(tops[:, FRAME_SLICE].mean(axis=0), language)
        probabilities = dict(zip(FRAMES, frames.tolist(), strict=True))
        over = [f for f in FRAMES if probabilities[f] >= settings.frame_thresholds[f]]
        return ArticleLabels(
            article=job.article,
            stances={target: self._stance(job, target, min_confidence) for target in job.targets},
            tone=ToneLabel(TONES[int(tone.argmax())], dict(zip(TONES, tone.tolist(), strict=True))),
            frames=tuple(sorted(over, key=lambda f: -probabilities[f])[:MAX_FRAMES]),
            frame_probabilities=probabilities,
            windows=len(job.windows),
            tokens=sum(window.tokens for window in job.windows),
        )

    def _stance(self, job: _Job, target: str, min_confidence: float) -> StanceLabel:
        settings = self.checkpoint.settings
        used = spots(job.windows, job.outputs, target)
        logits = np.array([spot.logits for spot in used], dtype=np.float64)
        first = np.array([spot.index == 0 for spot in used])
        pooled = settings.pooling.pool(logits, first)
        p = settings.calibration.softmax("stance", pooled, job.article.language)
        best = int(p.argmax())
        inside = settings.conformal.members(p, job.article.language)
        return StanceLabel(
            target=target,
            label=STANCES[best] if p[best] >= min_confidence else UNCERTAIN,
            probabilities=dict(zip(STANCES, p.tolist(), strict=True)),
            plausible=tuple(STANCES[i] for i in np.argsort(-p) if inside[i]),
            mentions=job.mentions[target],
            windows=len(used),
            tokens=sum(spot.window.tokens for spot in used),
            evidence=_evidence(job.article, used, best),
        )


def _evidence(article: Article, used: Sequence[Spot], label: int) -> Evidence | None:
    """The sentence whose mention speaks most for a label, None if the target is never named."""
    best, strongest = None, -np.inf
    for spot in used:
        for position, index in spot.mentions:
            # How far this mention, and its window, speak for the label over the other labels.
            margin = _margin(spot.outputs[position, STANCE_SLICE], label) + _margin(spot.logits, label)
            sentence = spot.window.sentences[index]
            if sentence.in_title:  # repeated in each window, and weaker evidence than a sentence of the body
                margin -= TITLE_HANDICAP
            if margin > strongest:
                best, strongest = sentence, margin
    if best is None:
        return None
    source = article.title if best.in_title else article.text
    return Evidence(source[best.start : best.end], best.start, best.end, best.in_title)


def _margin(logits: NDArray[np.floating[Any]], label: int) -> float:
    others = [float(x) for i, x in enumerate(logits) if i != label]
    return float(logits[label]) - max(others)


def _dataset_articles(dataset: Any) -> Iterator[Article]:
    """The articles of a `datasets` object. Raises UsageError at the first row that is none."""
    for item in read_articles(dataset):
        if isinstance(item, Failure):
            where = f"Row {item.line} of the data set" if item.line else "The data set"
            raise UsageError(
                f"{where} is no article: {item.reason}. Filter such rows out, or use "
                "polystance.inference.sources.read_articles, which lists them."
            )
        yield item


def chosen_targets(targets: Targets, min_confidence: float) -> tuple[str, ...] | None:
    """Targets parsed, None for "auto"; raises what `StanceClassifier.classify` does for its options."""
    if not 0.0 <= min_confidence <= 1.0:
        raise UsageError(f"min_confidence is {min_confidence}; it must lie from 0 to 1.")
    if targets == "auto":
        return None
    if isinstance(targets, str):
        raise UsageError(f'targets is {targets!r}; give "auto" or a list such as ["US", "CN", "RU"].')
    parsed = parse_targets(targets)
    if not parsed:
        raise UsageError('targets is empty; give "auto" or a list such as ["US", "CN", "RU"].')
    return parsed


def as_article(item: ArticleLike, number: int) -> Article:
    """An `Article` from whatever `classify` takes, languages filled in; `number` is the id if it has none."""
    if isinstance(item, str):
        article = Article(id=str(number), text=item)
    elif isinstance(item, Mapping):
        unknown = [k for k in item if k not in _FIELDS]
        if "text" not in item or unknown:
            what = f"unknown keys {unknown}" if unknown else "no key 'text'"
            raise UsageError(f"Article {number} has {what}; keys are {', '.join(_FIELDS)}.")
        given = {name: value for name, value in item.items() if value is not None}
        given["id"] = str(given.get("id", number))
        article = Article(**{"text": "", **given})
    elif isinstance(item, Article):
        article = item
    else:
        raise UsageError(
            f"Article {number} is a {type(item).__name__}; give an Article, a mapping or a string."
        )
    values = {name: getattr(article, name) for name in _FIELDS if name != "source_position"}
    for name, value in values.items():
        if not isinstance(value, str) and (value is not None or name in ("id", "text", "title")):
            raise UsageError(f"Article {article.id!r}: {name} is {value!r}; it must be a string.")
    if not (article.text.strip() or article.title.strip()):
        raise UsageError(
            f"Article {article.id!r} has no text. Leave it out, or give its text or at least a title."
        )
    clean: dict[str, Any] = {name: value and without_surrogates(value) for name, value in values.items()}
    article = replace(article, **clean)
    language = language_code(article.language) if article.language else None
    language = language or detect_language(f"{article.title}\n{article.text}")
    outlet_language = article.outlet_language
    if outlet_language is None:
        # Aggregators put an English summary under a Chinese headline: its language says nothing.
        summary = language == "en" and detect_language(article.title) == "zh"
        named = None if summary else language
        known = OutletRegistry.shipped().lookup(article.outlet, article.url, language=named)
        outlet_language = known.language if known else None
    return replace(article, language=language, outlet_language=outlet_language)


def pick_device(device: str) -> str:
    """The device that "auto" or a name stands for. Raises UsageError for one that isn't here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"No device {device!r}; give auto, cpu, cuda, cuda:N or mps.") from error
    if (kind == "cuda" and not torch.cuda.is_available()) or (
        kind == "mps" and not torch.backends.mps.is_available()
    ):
        raise UsageError(f"Device {device!r} is not available here. Use --device auto, or cpu.")
    return device
