"""A random sample of labels for a person to check: drawn here, labelled in a spreadsheet or Label Studio.

Rows of an article and a target are drawn within strata with known probabilities, so that estimates from them
can stand for the whole run (`correction`). What the classifier said, the outlet and its language are not
shown to the person: a label is to rest on the text alone.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pandas as pd

from polystance.errors import DataError, UsageError
from polystance.inference.observations import Observations, Source
from polystance.inference.spreadsheet import inert, original
from polystance.models.labels import STANCES
from polystance.models.targets import target_name

COLUMNS: Final = ("id", "target", "name", "title", "text", "where", "label", "note", "probability")
_SHOWN_ERRORS: Final = 5


@dataclass(frozen=True)
class Sample:
    """Rows to label.

    Attributes:
        rows: One row per article and target, in random order; columns `COLUMNS` less label and note.
        strata: group, target ("" where a stratum has all), rows there are, rows drawn.
    """

    rows: pd.DataFrame
    strata: pd.DataFrame

    def to_csv(self, path: str | PathLike[str]) -> None:
        """For a spreadsheet: fill in `label` (favor, neutral or against) and leave the rest as it is."""
        table = self.rows.assign(label="", note="")[list(COLUMNS)]
        text = ["id", "target", "name", "title", "text", "where"]
        table[text] = table[text].map(inert)
        table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")

    def to_label_studio(self, path: str | PathLike[str]) -> Path:
        """Tasks for Label Studio's import at `path`; the labelling interface goes beside it, as .xml."""
        tasks = [{"data": row} for row in self.rows.to_dict("records")]
        Path(path).write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        interface = Path(path).with_suffix(".xml")
        interface.write_text(_INTERFACE, encoding="utf-8")
        return interface


_INTERFACE: Final = """<View>
  <Header value="How does this text present $name?"/>
  <Choices name="label" toName="text" choice="single" showInLine="true" required="true">
    <Choice value="favor"/><Choice value="neutral"/><Choice value="against"/>
  </Choices>
  <Header value="$title" size="4"/>
  <Text name="text" value="$text"/>
</View>
"""


def draw_sample(
    source: Source,
    n: int,
    groups: tuple[str, str] = ("zh", "en"),
    *,
    targets: Sequence[str] | None = None,
    by_target: bool = False,
    seed: int = 0,
) -> Sample:
    """Draw rows of a run to be labelled by a person.

    Args:
        source: A run folder, or the labels of `StanceClassifier.classify`.
        n: Rows in all. Every stratum gets the same number, or all it has.
        groups: Outlet languages; each is a stratum.
        targets: Draw only from these; from all when None.
        by_target: Make a stratum of each group and target, so that rare targets get as many rows as others.
        seed: The same seed draws the same rows of the same run.

    Raises:
        UsageError: `n` is under 1, a target has no row, or a group has no article.
        RunFolderError: The folder is no finished run.
    """
    if n < 1:
        raise UsageError(f"n is 1 or more; got {n}.")
    with Observations(source, groups) as observations:
        sizes = observations.strata(by_target, targets)
        if targets is not None:
            known = set(observations.targets())
            if missing := [target for target in targets if target not in known]:
                raise UsageError(
                    f"No article of these outlets was labelled for {', '.join(missing)}. "
                    f"Targets there are: {', '.join(sorted(known)) or 'none'}."
                )
        wanted = allocate(sizes["rows"].tolist(), n)
        strata = sizes.assign(drawn=wanted)
        rows = observations.draw(strata, by_target, targets, seed)
    rows["id"] = rows["target"] + "@" + rows["article_id"]
    rows["name"] = [target_name(target, "en") for target in rows["target"]]
    columns = [name for name in COLUMNS if name not in ("label", "note")]
    return Sample(rows[columns].reset_index(drop=True), strata)


def allocate(sizes: Sequence[int], n: int) -> list[int]:
    """`n` rows over strata of these sizes: the same number for each, and what small ones lack to the others.

    >>> allocate([100, 3, 50], 20)
    [9, 3, 8]
    """
    given = [0] * len(sizes)
    left = min(n, sum(sizes))
    while left:
        open_strata = [i for i, size in enumerate(sizes) if given[i] < size]
        each = max(left // len(open_strata), 1)
        for i in open_strata:
            more = min(each, sizes[i] - given[i], left)
            given[i] += more
            left -= more
    return given


@dataclass(frozen=True)
class SampleLabels:
    """Labels that came back.

    Attributes:
        rows: article_id, target, label, probability.
        unlabelled: Rows of the sample without a label.
    """

    rows: pd.DataFrame
    unlabelled: int


def read_labels(path: str | PathLike[str]) -> SampleLabels:
    """Read a labelled sample: the CSV of `polystance sample`, or Label Studio's JSON export.

    Several annotations of one Label Studio task count by majority, and as no label where they tie.

    Raises:
        DataError: The file is missing, has another form, a label outside of the scheme, no probability, or
            one row twice with different labels.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"No file {path}. Give the file of `polystance sample` with its labels filled in.")
    rows = list(_studio_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path))
    if not rows:
        raise DataError(
            f"{path} has no rows. Give the file of `polystance sample` with its labels filled in."
        )
    labelled: dict[tuple[str, str], tuple[str, float]] = {}
    unlabelled, wrong = 0, []
    for place, row in rows:
        target, at, article = str(row.get("id") or "").partition("@")
        label = str(row.get("label") or "").strip().lower()
        if not (at and target and article):
            wrong.append(f"{place}: the id {row.get('id')!r} is none that `polystance sample` wrote")
        elif not label:
            unlabelled += 1
        elif label not in STANCES:
            wrong.append(f"{place}: the label {row.get('label')!r} is not one of {', '.join(STANCES)}")
        elif (probability := _probability(row.get("probability"))) is None:
            wrong.append(
                f"{place}: the probability {row.get('probability')!r} is not a number above 0 and up to 1"
            )
        elif labelled.setdefault((article, target), (label, probability))[0] != label:
            wrong.append(f"{place}: {row['id']} is there twice with different labels")
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN_ERRORS} more" if len(wrong) > _SHOWN_ERRORS else ""
        raise DataError(
            f"{path} can't be used:\n  "
            + "\n  ".join(wrong[:_SHOWN_ERRORS])
            + more
            + "\nMend these rows; leave "
            "`label` empty where you can't decide, and every other column as `polystance sample` wrote it."
        )
    if not labelled:
        raise DataError(f"{path} has no label yet. Fill in favor, neutral or against in the column `label`.")
    table = pd.DataFrame(
        [(article, target, *rest) for (article, target), rest in labelled.items()],
        columns=["article_id", "target", "label", "probability"],
    )
    return SampleLabels(table, unlabelled)


def _probability(value: object) -> float | None:
    """A spreadsheet may have written it with a comma, or as percent."""
    text = str(value if value is not None else "").strip().replace(",", ".")
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return number if 0 < number <= 1 else None


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason}). Save it as CSV UTF-8.") from error
    head = text.partition("\n")[0]
    # Spreadsheets write the separator of their locale.
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=separator)
    lacking = [name for name in ("id", "label", "probability") if name not in (reader.fieldnames or ())]
    if lacking:
        raise DataError(
            f"{path} has no column {', '.join(lacking)}; it has "
            f"{', '.join(reader.fieldnames or ()) or 'none'}. Give the file of `polystance sample` with its "
            "labels filled in."
        )
    for row in reader:
        if any(row.values()):
            yield f"line {reader.line_num}", {**row, "id": original(str(row["id"] or ""))}


def _studio_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error
    if not isinstance(tasks, list) or not all(
        isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks
    ):
        raise DataError(f"{path} is no export of Label Studio: expected a list of tasks, each with `data`.")
    for number, task in enumerate(tasks, 1):
        votes: Counter[str] = Counter()
        for annotation in task.get("annotations") or []:
            if not annotation.get("was_cancelled"):
                votes.update(set(_choices(annotation.get("result") or [])))
        ranked = votes.most_common(2)
        tied = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
        yield f"task {number}", {**task["data"], "label": "" if tied or not ranked else ranked[0][0]}


def _choices(result: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for part in result:
        if part.get("from_name") == "label":
            yield from part.get("value", {}).get("choices", [])
