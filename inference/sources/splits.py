"""Rows of `datasets` objects, and of the splits of a data set on the hub, which are streamed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from polystance.errors import UsageError
from polystance.inference.sources.columns import ColumnMap
from polystance.inference.sources.failures import Failure, UnreadableError
from polystance.inference.sources.files import Source
from polystance.inference.sources.items import Item
from polystance.inference.sources.rows import Rows
from polystance.models.hub import HubAddress, commit, hub_errors


def is_dataset(value: object) -> bool:
    """True for a `datasets.Dataset` or `IterableDataset`.

    Raises:
        UsageError: It is a dictionary of them.
    """
    datasets = sys.modules.get("datasets")  # what was never imported has no objects
    if datasets is None:
        return False
    if isinstance(value, datasets.DatasetDict | datasets.IterableDatasetDict):
        raise UsageError(f"A {type(value).__name__} was given; give one of its splits: {', '.join(value)}.")
    return isinstance(value, datasets.Dataset | datasets.IterableDataset)


def read_dataset(
    dataset: Any, source: Source, given: Mapping[str, str], first: int = 1
) -> Iterator[Item | Failure]:
    """Rows of a data set, numbered from `first`; its columns are guessed as those of a table.

    Only the columns that are used are read, so that images and sounds are not decoded.

    Raises:
        UnreadableError: There is no text column, or the data is damaged from here on.
    """
    import pyarrow

    if dataset.column_names:
        columns = ColumnMap.guess(dataset.column_names, given)
        dataset = dataset.select_columns(sorted(set(columns.fields.values())))
    rows = Rows(source, given)
    number = first
    try:
        for row in dataset.with_format(None):
            yield rows.item(row, number)
            number += 1
    except (pyarrow.ArrowException, ValueError) as error:  # ValueError: what JSON and CSV builders raise
        reason = str(error).partition("\n")[0][:200]
        raise UnreadableError(f"the data is damaged from this row on: {reason}", number) from error


def read_hub(address: HubAddress, source: Source, given: Mapping[str, str]) -> Iterator[Item | Failure]:
    """Rows of the splits that an address stands for.

    Raises:
        UnreadableError: As `read_dataset`.
        HubError: The hub can't be reached, or doesn't have it.
    """
    from datasets import IterableDatasetDict, load_dataset

    revision = commit(address)
    with hub_errors(address):
        found = load_dataset(
            address.repo, address.config, split=address.split, streaming=True, revision=revision
        )
        splits = found if isinstance(found, IterableDatasetDict) else {address.split: found}
        first = 1  # one count over all splits, so that ids made of it are unique
        for split in splits.values():
            for item in read_dataset(split, source, given, first):
                first += 1
                yield item
