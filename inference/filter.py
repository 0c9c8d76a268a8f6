"""The filter: articles from standard input, labels to standard output while the input still comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TextIO

from polystance.inference import labelfile
from polystance.inference.classifier import StanceClassifier, Targets
from polystance.inference.labelfile import LabelFormat
from polystance.inference.sources import Failure
from polystance.models.records import Article

BATCH: Final = 32  # articles; less than a job's, so that the first labels come soon


@dataclass
class Filtered:
    """What went through so far."""

    articles: int = 0
    failures: int = 0


def filter_articles(
    classifier: StanceClassifier,
    items: Iterable[Article | Failure],
    out: TextIO,
    targets: Targets = "auto",
    *,
    min_confidence: float = 0.0,
    form: LabelFormat = "jsonl",
    failed: Callable[[Failure], None],
) -> Filtered:
    """Write the labels of `items` to `out`, in order, each batch flushed as soon as it is labelled.

    Args:
        form: "jsonl" writes a line per article; "csv" a header and a row per article and target.
        failed: Called with each failure, when it is met.

    Raises:
        InputError: Nothing in `items` was an article.
        BrokenPipeError: The reader of `out` has gone.
    """
    done = Filtered()

    def articles() -> Iterator[Article]:
        for item in items:
            if isinstance(item, Failure):
                done.failures += 1
                failed(item)
            else:
                yield item

    stream = articles()
    out.write(labelfile.head(form).removeprefix("\ufeff"))  # a mark amid a pipe is a character like others
    while batch := list(islice(stream, BATCH)):
        labels = classifier.classify(batch, targets, min_confidence=min_confidence)
        out.write(labelfile.body(labels, form))
        out.flush()
        done.articles += len(batch)
    return done
