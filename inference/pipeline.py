"""A classifier that is called as a pipeline of `transformers` is.

It is no subclass of theirs: an article is several windows, and windows of many articles share a batch by
their length, which the classifier does and which their batching of single inputs can't.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

import torch

from polystance.errors import UsageError
from polystance.inference.classifier import ArticleLike, StanceClassifier, Targets
from polystance.inference.sources.splits import is_dataset
from polystance.models.labels import STANCES
from polystance.models.records import Article, ArticleLabels

_DEFAULT_BATCH: Final = 256


class StanceScore(TypedDict):
    """A label of one target, and its calibrated probability."""

    target: str
    label: str
    score: float


class StancePipeline:
    """Texts to labels; `stance_pipeline` makes one. Its options are the defaults of each call."""

    def __init__(
        self,
        classifier: StanceClassifier,
        *,
        targets: Targets = "auto",
        top_k: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.classifier = classifier
        self.targets = targets
        self.top_k = _checked_top_k(top_k)
        self.batch_size = _checked_batch_size(batch_size)

    def __call__(
        self,
        inputs: ArticleLike | Iterable[ArticleLike],
        *,
        targets: Targets | None = None,
        top_k: int | None = None,
        batch_size: int | None = None,
    ) -> list[StanceScore] | list[list[StanceScore]] | Iterator[list[StanceScore]]:
        """Label one text or many.

        Args:
            inputs: A text, an `Article` or a mapping with its fields (`text` at least, perhaps `title`); a
                list of these; or a generator, a data set of the `datasets` library, or a `KeyDataset`.
            targets: "auto" for every country that a text mentions; or codes, names or free text.
            top_k: Labels given for each target, from 1 to 3, the most probable first; 1 if None.
            batch_size: Texts that are read ahead and put into batches together. Labels don't depend on it.

        Returns:
            For one text a list of `{"target": ..., "label": ..., "score": ...}`, targets in the order in
            which the text names them, or as given; for a list the list of these; for everything else an
            iterator, which labels texts as they are asked for, in their order.

        Raises:
            TargetError: A target is no known country code.
            UsageError: A text is none, or an option is out of range.
        """
        chosen = self.targets if targets is None else targets
        kept = self.top_k if top_k is None else _checked_top_k(top_k)
        size = self.batch_size if batch_size is None else _checked_batch_size(batch_size)
        single = isinstance(inputs, str | Mapping | Article) and not is_dataset(inputs)
        many: Any = [inputs] if single else inputs
        if not isinstance(many, Iterable):  # a torch data set, such as KeyDataset: a length and items
            many = map(many.__getitem__, range(len(many)))
        labels = self._classifier(size).classify_stream(many, chosen)
        scored = (_scores(item, kept) for item in labels)
        if single:
            return next(scored)
        return list(scored) if isinstance(inputs, list) else scored

    def _classifier(self, batch_size: int) -> StanceClassifier:
        own = self.classifier
        if batch_size == own.batch_articles:
            return own
        return StanceClassifier(
            own.checkpoint, batch_tokens=own.batch_tokens, batch_articles=batch_size, finder=own.finder
        )


def stance_pipeline(
    model: str | Path | StanceClassifier | None = None,
    *,
    targets: Targets = "auto",
    top_k: int | None = None,
    batch_size: int | None = None,
    device: int | str | torch.device | None = None,
    **options: Any,
) -> StancePipeline:
    """A pipeline as `transformers.pipeline` gives it, for stance per target.

    Args:
        model: None for the checkpoint that ships; a folder or a hub id; or a classifier, loaded already.
        targets, top_k, batch_size: Defaults of each call, see `StancePipeline.__call__`.
        device: A torch device or its name, the number of a GPU, or -1 for the CPU; a GPU if there is one, and
            else the CPU, if None.
        options: Passed on to `StanceClassifier.from_pretrained`, such as `revision` and `precision`.

    Raises:
        CheckpointError: There is no usable checkpoint at `model`.
        UsageError: An option is out of range, or the device doesn't exist here.

    Example:
        >>> pipe = stance_pipeline(device="cpu")
        >>> found = pipe("The Kremlin lied to us, and Japan was right to object.")
        >>> [(stance["target"], stance["label"]) for stance in found]
        [('RU', 'against'), ('JP', 'favor')]
    """
    if isinstance(model, StanceClassifier):
        if options or device is not None:
            raise UsageError(
                "device and options are for loading a checkpoint; the classifier is loaded already."
            )
        return StancePipeline(model, targets=targets, top_k=top_k, batch_size=batch_size)
    if isinstance(device, int):
        device = f"cuda:{device}" if device >= 0 else "cpu"
    classifier = StanceClassifier.from_pretrained(model, str(device or "auto"), **options)
    return StancePipeline(classifier, targets=targets, top_k=top_k, batch_size=batch_size)


def _scores(labels: ArticleLabels, top_k: int) -> list[StanceScore]:
    return [
        {"target": target, "label": label, "score": score}
        for target, stance in labels.stances.items()
        for label, score in sorted(stance.probabilities.items(), key=lambda item: -item[1])[:top_k]
    ]


def _checked_top_k(top_k: int | None) -> int:
    if top_k is not None and not 1 <= top_k <= len(STANCES):
        raise UsageError(f"top_k is {top_k}; give a number from 1 to {len(STANCES)}, or None for the best.")
    return top_k or 1


def _checked_batch_size(batch_size: int | None) -> int:
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}; give 1 or more.")
    return batch_size or _DEFAULT_BATCH
