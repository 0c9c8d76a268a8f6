"""What a comparison looks at: the two tables of a run, summed per outlet by DuckDB.

Sums are taken out of core, so a run of ten million articles needs no more memory than one of a thousand.
Scores are summed as whole numbers of 1e-9: sums of floats depend on the order in which threads meet them,
and two runs of the same comparison are to agree to the last digit.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from polystance.errors import DataError, RunFolderError, UsageError
from polystance.inference.tables import (
    ARTICLES,
    SCHEMA_VERSION,
    STANCES,
    TEXTS,
    articles_table,
    stances_table,
    texts_table,
)
from polystance.models.labels import STANCES as STANCE_NAMES
from polystance.models.labels import TONES, UNCERTAIN
from polystance.models.records import ArticleLabels

Source = str | PathLike[str] | Iterable[ArticleLabels]

UNKNOWN_OUTLET: Final = "(unknown outlet)"
STANCE_SHARES: Final = (*STANCE_NAMES, UNCERTAIN)
_SCHEMAS: Final = {"articles": ARTICLES, "stances": STANCES, "texts": TEXTS}
_UNIT: Final = 1_000_000_000
Period = Literal["week", "month"]

# Country codes are found in the text by their names; an article that never names a country it was asked
# about says nothing of it. Free-text targets are never searched for, so all their rows count.
_ABOUT: Final = "(mentions > 0 OR NOT regexp_full_match(target, '[A-Z]{2}'))"


@dataclass(frozen=True)
class Coverage:
    """What was compared and what was not: every article and row of the run is in one of these counts.

    Attributes:
        articles: Articles in the run.
        compared: Articles of each group's outlets.
        other_languages: Articles of outlets in languages outside of the groups, by language.
        unknown_language: Articles whose outlet's language isn't known.
        unknown_outlet: Articles in the groups with no outlet; per group they count as one outlet.
        undated: Articles in the groups without a usable date; they are left out of the trend and of events.
        unmentioned: Rows of an article and a country that it never names; left out.
        left_out: Targets with too few articles, as (target, articles of each group).
        failures: Lines of failures.jsonl; None if there is no such file.
        first, last: Dates of the first and last article, ISO 8601, None if no article has one.
        sample_outlets: Articles from the invented outlets of the bundled sample corpus.
    """

    articles: int
    compared: Mapping[str, int]
    other_languages: Mapping[str, int]
    unknown_language: int
    unknown_outlet: int
    undated: int
    unmentioned: int
    left_out: tuple[tuple[str, int, int], ...]
    failures: int | None
    first: str | None
    last: str | None
    sample_outlets: int


class Observations:
    """The tables of one run, opened for two groups of outlets. Close it, or use it in a `with` block.

    Args:
        source: A run folder, or the labels themselves.
        groups: The two outlet languages.

    Raises:
        RunFolderError: The folder lacks a table, or its tables are of another schema.
        UsageError: There are no labels, or none from outlets in one of the groups.
    """

    def __init__(self, source: Source, groups: tuple[str, str]) -> None:
        self.groups = groups
        self.run: dict[str, Any] = {}
        self.failures: int | None = None
        self.has_texts = True
        self._folder: Path | None = None
        # No disk, no network, no extension: corpus text only ever meets built-in functions.
        self._db = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
        with ExitStack() as opening:  # an object that was never made can't be closed by its user
            opening.callback(self._db.close)
            if isinstance(source, str | PathLike):
                self._folder = Path(source)
                self._open_folder(self._folder)
            else:
                self._open_labels(source)
            with self._whole():
                self._prepare()
            opening.pop_all()

    def __enter__(self) -> Observations:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def frame(self, query: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """The answer to a query over `rows` (article x target) and `items` (articles), both in the groups."""
        with self._whole():
            answer: pd.DataFrame = self._db.execute(query, list(parameters)).df()
        return answer

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Turns what DuckDB says of damaged tables into a RunFolderError."""
        try:
            yield
        except duckdb.Error as error:
            if self._folder is None:
                raise
            raise RunFolderError(
                f"The tables in {self._folder} can't be read ({str(error)[:200]}). If they are damaged, "
                "classify again with --overwrite."
            ) from error

    def _open_labels(self, source: Iterable[ArticleLabels]) -> None:
        labels = list(source)
        if not all(isinstance(item, ArticleLabels) for item in labels):
            raise UsageError("compare() takes a run folder or the ArticleLabels that classify() gives.")
        self._db.register("articles", articles_table(labels))
        self._db.register("stances", stances_table(labels))
        self._db.register("texts", texts_table(labels))

    def _open_folder(self, folder: Path) -> None:
        for name, schema in _SCHEMAS.items():
            path = folder / f"{name}.parquet"
            files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
            if not files or not files[0].is_file():
                if name == "texts":  # left out on request
                    self.has_texts = False
                    continue
                raise RunFolderError(
                    f"{folder} has no {name}.parquet. Give a folder that `polystance classify` wrote, "
                    "and let the job finish: the same command resumes it."
                )
            _check(files[0], schema)
            # DuckDB reads names as patterns; escaped, a folder called "run[1]" means itself.
            self._db.read_parquet([glob.escape(str(file)) for file in files]).create_view(name)
        options = folder / "run.json"
        if options.is_file():
            try:
                loaded = json.loads(options.read_text(encoding="utf-8"))
            except ValueError as error:
                raise RunFolderError(f"{options} is not valid JSON ({error}); run the job again.") from error
            self.run = loaded if isinstance(loaded, dict) else {}
        failures = folder / "failures.jsonl"
        if failures.is_file():
            with failures.open("rb") as lines:
                self.failures = sum(1 for line in lines if line.strip())

    def _prepare(self) -> None:
        first, second = self.groups
        languages = {
            row[0]: int(row[1])
            for row in self._db.execute(
                "SELECT outlet_language, count(*) FROM articles GROUP BY ALL ORDER BY 2 DESC, 1"
            ).fetchall()
        }
        missing = [group for group in self.groups if group not in languages]
        if missing:
            known = ", ".join(f"{name} ({n:,})" for name, n in languages.items() if name is not None)
            unknown = languages.get(None, 0)
            raise UsageError(
                f"No article comes from an outlet in {' or '.join(missing)}. "
                f"Outlet languages in this run, with articles: {known or 'none'}"
                f"{f'; unknown for {unknown:,}' if unknown else ''}. "
                "Choose two of them as groups, or give the articles an outlet (or outlet_language) "
                "and classify again."
            )
        self.languages = languages
        # Views cannot take parameters; a table of the two groups can.
        self._db.execute("CREATE TEMP TABLE chosen (language VARCHAR)")
        self._db.executemany("INSERT INTO chosen VALUES (?)", [[first], [second]])
        columns = f"""* REPLACE (coalesce(nullif(trim(outlet), ''), '{UNKNOWN_OUTLET}') AS outlet),
            regexp_extract(published, '^\\d{{4}}-(0[1-9]|1[0-2])') AS month,
            coalesce(strftime(date_trunc('week', try_cast(left(published, 10) AS DATE)), '%Y-%m-%d'), '')
                AS week"""
        inside = "outlet_language IN (SELECT language FROM chosen)"
        self._db.execute(f"CREATE TEMP VIEW items AS SELECT {columns} FROM articles WHERE {inside}")
        self._db.execute(
            f"""CREATE TEMP VIEW rows AS SELECT {columns},
                CAST(round(score::DOUBLE * {_UNIT}) AS BIGINT) AS units,
                CAST(round(score::DOUBLE * score::DOUBLE * {_UNIT}) AS BIGINT) AS square_units
            FROM stances WHERE {inside} AND {_ABOUT}"""
        )

    def targets(self) -> list[str]:
        """Targets that any row is about."""
        return self.frame("SELECT DISTINCT target FROM rows ORDER BY target")["target"].tolist()

    def strata(self, by_target: bool, targets: Sequence[str] | None) -> pd.DataFrame:
        """Rows of each group (and target) among `targets`: group, target ("" for all together), rows."""
        target = "target" if by_target else "''"
        return self.frame(
            f"""SELECT outlet_language AS "group", {target} AS target, count(*) AS rows FROM rows
            WHERE ? IS NULL OR list_contains(?, target) GROUP BY ALL ORDER BY ALL""",
            [None if targets is None else list(targets)] * 2,
        )

    def draw(
        self, strata: pd.DataFrame, by_target: bool, targets: Sequence[str] | None, seed: int
    ) -> pd.DataFrame:
        """Rows drawn at random from the strata of `strata`, `drawn` from each, in random order.

        Columns: article_id, target, title, text, where (address, or file and position), probability. Rows are
        ordered by a hash of seed, article and target, so that a draw doesn't depend on threads or versions.
        """
        self._db.register("plan", strata.assign(probability=strata["drawn"] / strata["rows"]))
        target = "r.target" if by_target else "''"
        text = "t.text" if self.has_texts else "r.evidence"
        join = "LEFT JOIN texts t USING (article_id)" if self.has_texts else ""
        return self.frame(
            f"""WITH shuffled AS (
                SELECT article_id, target, outlet_language, evidence,
                    md5(concat_ws(chr(31), ?, article_id, target)) AS place FROM rows
                WHERE ? IS NULL OR list_contains(?, target)
            ), numbered AS (
                SELECT r.*, row_number() OVER (
                    PARTITION BY outlet_language, {target} ORDER BY place, article_id, r.target) AS turn
                FROM shuffled r
            )
            SELECT r.article_id, r.target, coalesce(i.title, '') AS title, coalesce({text}, '') AS text,
                coalesce(i.url, concat_ws(':', i.source_file, i.source_position), '') AS "where",
                p.probability
            FROM numbered r
            JOIN plan p ON p."group" = r.outlet_language AND p.target = {target} AND r.turn <= p.drawn
            JOIN items i USING (article_id) {join}
            ORDER BY r.place, r.article_id, r.target""",
            [str(seed), *[None if targets is None else list(targets)] * 2],
        )

    def labelled(self, labels: pd.DataFrame) -> pd.DataFrame:
        """Hand labels (article_id, target, label, probability) with what the run says of the same rows.

        Columns: article_id, target, group, outlet, truth, label, score, probability. Raises DataError for a
        row that isn't in the run or isn't compared.
        """
        self._db.register("hand", labels.rename(columns={"label": "truth"}))
        found = self.frame(
            """SELECT h.article_id, h.target, r.outlet_language AS "group", r.outlet, h.truth, r.label,
                r.units::DOUBLE AS score, h.probability
            FROM hand h LEFT JOIN rows r USING (article_id, target) ORDER BY ALL"""
        )
        found["score"] /= _UNIT
        if (unknown := found[found["outlet"].isna()]).size:
            shown = ", ".join(f"{row['target']}@{row['article_id']}" for _, row in unknown.head(5).iterrows())
            raise DataError(
                f"{len(unknown)} of {len(found)} hand-labelled rows are not in this run, or are of outlets "
                f"outside of {' and '.join(self.groups)}: {shown}. Compare the run that was sampled from."
            )
        return found

    def stances(self) -> pd.DataFrame:
        """One row per target, group and outlet: articles, score_sum, square_sum and a count per label."""
        counts = ", ".join(f"count(*) FILTER (label = '{label}') AS {label}" for label in STANCE_SHARES)
        return self.frame(
            f"""SELECT target, outlet_language AS "group", outlet, count(*) AS articles,
                (sum(units) / {_UNIT})::DOUBLE AS score_sum,
                (sum(square_units) / {_UNIT})::DOUBLE AS square_sum, {counts}
            FROM rows GROUP BY target, outlet_language, outlet ORDER BY target, outlet_language, outlet"""
        )

    def tones(self) -> pd.DataFrame:
        """One row per group and outlet: articles and a count per tone."""
        counts = ", ".join(f"count(*) FILTER (tone = '{tone}') AS {tone}" for tone in TONES)
        return self.frame(
            f"""SELECT outlet_language AS "group", outlet, count(*) AS articles, {counts}
            FROM items GROUP BY ALL ORDER BY "group", outlet"""
        )

    def frames(self) -> pd.DataFrame:
        """One row per group, outlet and frame that occurs there: its articles."""
        return self.frame(
            """SELECT "group", outlet, frame, count(*) AS articles FROM (
                SELECT outlet_language AS "group", outlet, unnest(list_distinct(frames)) AS frame FROM items
            ) GROUP BY ALL ORDER BY "group", outlet, frame"""
        )

    def periods(self, period: Period) -> pd.DataFrame:
        """One row per target, period, group and outlet: articles, score_sum. Undated rows are left out."""
        return self.frame(
            f"""SELECT target, {period} AS period, outlet_language AS "group", outlet, count(*) AS articles,
                (sum(units) / {_UNIT})::DOUBLE AS score_sum
            FROM rows WHERE {period} != '' GROUP BY ALL ORDER BY ALL"""
        )

    def target_frames(self, targets: Sequence[str]) -> pd.DataFrame:
        """One row per target, group, outlet and frame ("" for all articles about the target): articles."""
        return self.frame(
            """WITH about AS (
                SELECT DISTINCT r.target, r.outlet_language AS "group", r.outlet, r.article_id, i.frames
                FROM rows r JOIN items i USING (article_id) WHERE list_contains(?, r.target)
            )
            SELECT target, "group", outlet, frame, count(*) AS articles FROM (
                SELECT target, "group", outlet, unnest(list_distinct(frames)) AS frame FROM about
                UNION ALL SELECT target, "group", outlet, '' FROM about
            ) GROUP BY ALL ORDER BY ALL""",
            [list(targets)],
        )

    def texts(self, articles: int | None = None, seed: int = 0) -> pd.DataFrame:
        """Articles of the groups with their texts, at most `articles` of each group, drawn at random.

        Columns: article_id, group, outlet, language (of the text), published, title, url, text. Empty if the
        run kept no texts.
        """
        if not self.has_texts:
            return pd.DataFrame(
                columns=["article_id", "group", "outlet", "language", "published", "title", "url", "text"]
            )
        return self.frame(
            """SELECT article_id, outlet_language AS "group", outlet, text_language AS language, published,
                coalesce(title, '') AS title, url, text
            FROM items JOIN texts USING (article_id)
            QUALIFY row_number() OVER (
                PARTITION BY outlet_language ORDER BY md5(concat_ws(chr(31), ?, article_id)), article_id
            ) <= coalesce(?, 1e18)
            ORDER BY article_id""",
            [str(seed), articles],
        )

    def scores(self) -> pd.DataFrame:
        """One row per article and target: article_id, target, group, outlet, score."""
        found = self.frame(
            """SELECT article_id, target, outlet_language AS "group", outlet, units::DOUBLE AS score
            FROM rows ORDER BY article_id, target"""
        )
        found["score"] /= _UNIT
        return found

    def coverage(self, left_out: Iterable[tuple[str, int, int]]) -> Coverage:
        """Counts of what went into the comparison and what did not."""
        one = self.frame(
            f"""SELECT count(*) FILTER (outlet = '{UNKNOWN_OUTLET}') AS unknown_outlet,
                count(*) FILTER (coalesce(month, '') = '') AS undated,
                count(*) FILTER (regexp_matches(outlet, '^(Sample |样例|樣例)')) AS samples,
                min(left(published, 10)) FILTER (month != '') AS first,
                max(left(published, 10)) FILTER (month != '') AS last FROM items"""
        ).iloc[0]
        unmentioned = self._db.execute(f"SELECT count(*) FROM stances WHERE NOT {_ABOUT}").fetchall()[0][0]
        return Coverage(
            articles=sum(self.languages.values()),
            compared={group: self.languages[group] for group in self.groups},
            other_languages={
                name: n for name, n in self.languages.items() if name is not None and name not in self.groups
            },
            unknown_language=self.languages.get(None, 0),
            unknown_outlet=int(one["unknown_outlet"]),
            undated=int(one["undated"]),
            unmentioned=int(unmentioned),
            left_out=tuple(left_out),
            failures=self.failures,
            first=one["first"] if isinstance(one["first"], str) else None,
            last=one["last"] if isinstance(one["last"], str) else None,
            sample_outlets=int(one["samples"]),
        )


def _check(file: Path, schema: pa.Schema) -> None:
    try:
        found = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(f"{file} is not a Parquet file ({error}); classify again.") from error
    version = (
        (found.metadata or {}).get(b"polystance_schema", SCHEMA_VERSION.encode()).decode("ascii", "replace")
    )
    lacking = [name for name in schema.names if name not in found.names]
    if version != SCHEMA_VERSION or lacking:
        without = f" and lacks {', '.join(lacking)}" if lacking else ""
        raise RunFolderError(
            f"{file} has schema {version}{without}; this version of "
            f"polystance reads schema {SCHEMA_VERSION}. Classify again with it, or compare with the version "
            "that wrote the folder."
        )
