"""Articles about the same event, in either language, found by what they say and when.

Likeness is a soft cosine (Sidorov et al. 2014) over tf-idf weights of tokens: two tokens count as partly the
same if their embeddings are close. The encoder that ships has Chinese and English tokens in one space, its
embeddings having started from translation probabilities, so "magnets" and 磁铁 meet without a dictionary; and
rare words, which tell one event from the next, keep their weight, which the mean of a long text would lose.
Likeness is taken in standard deviations above that of random pairs of the same two languages, less a penalty
for the number of articles that are as near in time; average-linkage clustering of the rest gives the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from polystance.errors import UsageError
from polystance.models.checkpoint import Checkpoint

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EventOptions:
    """How articles are linked. The defaults were set on the sample corpus, which has known events.

    Attributes:
        days: Articles further apart are never linked directly.
        threshold: Least mean score of an event's articles with each other.
        crowd_penalty: Score lost per unit of log(1 + articles that lie as near in time, on average): among
            thousands a day some are alike by chance, among a few a week hardly any.
        rarity: Power of the inverse document frequency.
        closeness: Least cosine of two tokens that count as partly the same, and `sharpness` its power.
        tokens: Tokens read of each article, headline included; news puts first what it is about.
        exact: Articles within twice `days` up to which all pairs are compared; above, each with its
            `neighbours` nearest in each language, which takes the extra `polystance[events]` (faiss).
        most_linked: Articles above which the links of a chain are cut until its parts are smaller.
        seed: Of the random pairs that likeness is measured against.
    """

    days: int = 14
    threshold: float = 0.0
    crowd_penalty: float = 1.0
    rarity: float = 1.5
    closeness: float = 0.5
    sharpness: float = 4.0
    tokens: int = 400
    exact: int = 50_000
    neighbours: int = 50
    most_linked: int = 2_000
    seed: int = 0


def link_events(
    articles: pd.DataFrame, checkpoint: Checkpoint, options: EventOptions | None = None
) -> npt.NDArray[np.int64]:
    """Number of the event of each article, counted from 0 by date; -1 for an article without a usable date.

    Args:
        articles: Columns title, text, language, published (ISO 8601) and targets (a set of targets each);
            articles that share no target are not linked directly.
        checkpoint: Its tokenizer and token embeddings are used.
    """
    options = options or EventOptions()
    days = np.array([_day(text) for text in articles["published"]], dtype=np.float64)
    dated = np.flatnonzero(~np.isnan(days))
    order = dated[np.argsort(days[dated], kind="stable")]
    numbers = np.full(len(articles), -1, dtype=np.int64)
    if not len(order):
        return numbers
    part = articles.iloc[order]
    likeness = Likeness(
        [f"{row.title}\n{row.text}" for row in part.itertuples()],
        [str(language) for language in part["language"]],
        checkpoint,
        options,
    )
    found = _cluster(likeness, days[order], list(part["targets"]), options)
    # Numbered by their first article, which the order by date makes the earliest.
    _, first, member = np.unique(found, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    numbers[order] = rank[member]
    return numbers


class Likeness:
    """Soft cosines of texts, as standard deviations above random pairs of the same two languages."""

    def __init__(
        self, texts: Sequence[str], languages: Sequence[str], checkpoint: Checkpoint, options: EventOptions
    ) -> None:
        names = sorted(set(languages))
        self.language = np.array([names.index(language) for language in languages])
        weights, used = _weights(texts, self.language, checkpoint, options)
        table = _token_table(checkpoint)
        vectors = table[used] - table.mean(axis=0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        alike = _alike(vectors, options)
        self._vectors = vectors
        spread = (weights @ alike).tocsr()
        length = np.sqrt(np.asarray(spread.multiply(weights).sum(axis=1)).ravel())
        scale = sparse.diags(1 / np.maximum(length, 1e-12))
        self.weights, self.spread = (scale @ weights).tocsr(), (scale @ spread).tocsr()
        self.mean, self.deviation = self._of_random_pairs(len(names), options.seed)

    def __len__(self) -> int:
        return len(self.language)

    def cosines(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """(rows, columns) soft cosines, 0 to 1."""
        return np.asarray((self.spread[rows] @ self.weights[columns].T).toarray())

    def scores(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """(rows, columns) likeness in standard deviations."""
        one, two = self.language[rows][:, None], self.language[columns][None, :]
        return np.asarray((self.cosines(rows, columns) - self.mean[one, two]) / self.deviation[one, two])

    def scores_of_pairs(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """(pairs,) likeness of each row with the column beside it."""
        one, two = self.language[rows], self.language[columns]
        cosines = self._cosines_of_pairs(rows, columns)
        return np.asarray((cosines - self.mean[one, two]) / self.deviation[one, two])

    def _cosines_of_pairs(self, rows: IntArray, columns: IntArray) -> FloatArray:
        return np.asarray(self.spread[rows].multiply(self.weights[columns]).sum(axis=1)).ravel()

    def centroids(self) -> npt.NDArray[np.float32]:
        """(texts, width) weighted means of the token embeddings, less that of each language; unit length.

        Their nearest neighbours hold most texts that are alike by soft cosine, and an index finds them.
        """
        means = np.asarray(self.weights @ self._vectors)
        for language in np.unique(self.language):
            means[self.language == language] -= means[self.language == language].mean(axis=0)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means.astype(np.float32)

    def _of_random_pairs(self, languages: int, seed: int, most: int = 4_000) -> tuple[FloatArray, FloatArray]:
        rng = np.random.default_rng(seed)
        mean, deviation = np.zeros((languages, languages)), np.ones((languages, languages))
        for a, b in combinations_with_replacement(range(languages), 2):
            one, two = (np.flatnonzero(self.language == x) for x in (a, b))
            if len(one) * len(two) <= most:
                i, j = (grid.ravel() for grid in np.meshgrid(one, two))
            else:
                i, j = rng.choice(one, most), rng.choice(two, most)
            i, j = i[i != j], j[i != j]
            if len(i) > 1:
                cosines = self._cosines_of_pairs(i, j)
                mean[a, b] = mean[b, a] = cosines.mean()
                deviation[a, b] = deviation[b, a] = max(float(cosines.std()), 1e-6)
        return mean, deviation


def _day(published: object) -> float:
    try:
        return float(date.fromisoformat(str(published)[:10]).toordinal())
    except ValueError:
        return float("nan")


def _token_table(checkpoint: Checkpoint) -> FloatArray:
    """Token embeddings of the encoder, (vocabulary, width)."""
    model: Any = checkpoint.model  # of torch: `--precision` is for labels
    embeddings = model.get_input_embeddings()
    return np.asarray(embeddings.weight.detach().float().cpu().numpy())


def _weights(
    texts: Sequence[str], language: IntArray, checkpoint: Checkpoint, options: EventOptions
) -> tuple[sparse.csr_array, IntArray]:
    """tf-idf weights (texts, used tokens), frequencies by language; and the ids of the used tokens."""
    counts = [Counter(ids[: options.tokens]) for ids in checkpoint.encoder.token_ids(texts)]
    used = np.array(sorted({token for count in counts for token in count}), dtype=np.int64)
    place = {int(token): i for i, token in enumerate(used)}
    frequency = np.zeros((int(language.max(initial=0)) + 1, len(used)))
    for row, count in zip(language, counts, strict=True):
        frequency[row, [place[token] for token in count]] += 1
    size = np.bincount(language, minlength=len(frequency))[:, None]
    rarity = np.maximum(np.log((size + 1) / (frequency + 0.5)), 0.0) ** options.rarity
    rows = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
    columns = np.array([place[token] for count in counts for token in count], dtype=np.int64)
    times = np.array([n for count in counts for n in count.values()], dtype=np.float64)
    # The rarity applies once in each of the two texts of a pair.
    values = (1 + np.log(times)) ** options.rarity * rarity[language[rows], columns]
    return sparse.csr_array((values, (rows, columns)), shape=(len(counts), len(used))), used


def _alike(vectors: FloatArray, options: EventOptions, block: int = 2_048) -> sparse.csr_array:
    """How far two tokens count as the same, (tokens, tokens): 1 for one token, 0 for most pairs."""
    parts = []
    for start in range(0, len(vectors), block):
        cosines = vectors[start : start + block] @ vectors.T
        cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = 1.0
        cosines[cosines < options.closeness] = 0.0
        parts.append(sparse.csr_array(cosines**options.sharpness))
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, 0))


def _cluster(
    likeness: Likeness, days: FloatArray, targets: Sequence[frozenset[str]], options: EventOptions
) -> IntArray:
    """Cluster of each article; `days` ascends."""
    n = len(likeness)
    crowd = max(np.searchsorted(days, days + 2 * options.days, side="right") - np.arange(n))
    pairs = _links if crowd <= options.exact else _nearest_links
    found = list(pairs(likeness, days, _holdings(targets), options))
    rows, columns, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Two clusters are joined only if a pair of theirs reaches the threshold: no event crosses these parts.
    member = np.zeros(n, dtype=np.int64)
    after = 0
    for part in _parts(np.arange(n), rows, columns, scores, options):
        inside = _average_linkage(likeness, days, part, options)
        member[part] = after + inside
        after += int(inside.max()) + 1
    return member


def _holdings(targets: Sequence[frozenset[str]]) -> sparse.csr_array:
    """Which targets each article has, (articles, targets) of 0 and 1."""
    known = sorted({target for some in targets for target in some})
    place = {target: i for i, target in enumerate(known)}
    return sparse.csr_array(
        (
            np.ones(sum(map(len, targets))),
            (
                np.repeat(np.arange(len(targets)), [len(some) for some in targets]),
                np.array([place[t] for some in targets for t in sorted(some)], dtype=np.int64),
            ),
        ),
        shape=(len(targets), max(len(known), 1)),
    )


Links = tuple[IntArray, IntArray, FloatArray]


def _links(
    likeness: Likeness, days: FloatArray, has: sparse.csr_array, options: EventOptions, block: int = 256
) -> Iterator[Links]:
    """Pairs (earlier, later) that share a target, lie close enough in time and reach the threshold.

    `has`: as `_holdings` gives it.
    """
    rate = _rate(days)
    for start in range(0, len(days), block):
        rows = np.arange(start, min(start + block, len(days)))
        stop = int(np.searchsorted(days, days[rows[-1]] + options.days, side="right"))
        columns = np.arange(start, stop)
        scores = _timed(likeness.scores(rows, columns), days[rows], days[columns], rate, options)
        shared = (has[rows] @ has[columns].T).toarray() > 0
        near = days[columns][None, :] - days[rows][:, None] <= options.days
        i, j = np.nonzero((scores >= options.threshold) & shared & near & (columns[None, :] > rows[:, None]))
        yield rows[i], columns[j], scores[i, j]


def _nearest_links(
    likeness: Likeness, days: FloatArray, has: sparse.csr_array, options: EventOptions
) -> Iterator[Links]:
    """As `_links`, of each article with its nearest in each language only, found by an index."""
    try:
        import faiss
    except ImportError as error:
        raise UsageError(
            f"More than {options.exact:,} articles lie within {2 * options.days} days: linking them needs an "
            "index. Install polystance[events], or compare without events."
        ) from error
    vectors, rate = likeness.centroids(), _rate(days)
    for start in np.arange(days[0], days[-1] + 1, options.days):
        # Slabs overlap, so that every pair that is near enough lies in one of them.
        slab = np.flatnonzero((days >= start) & (days < start + 2 * options.days))
        for language in np.unique(likeness.language[slab]):
            inside = slab[likeness.language[slab] == language]
            index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
            index.add(vectors[inside])
            _, nearest = index.search(vectors[slab], min(options.neighbours, len(inside)))
            rows = np.repeat(slab, nearest.shape[1])
            columns = np.where(nearest.ravel() >= 0, inside[nearest.ravel()], rows)
            rows, columns = np.minimum(rows, columns), np.maximum(rows, columns)
            rows, columns = np.unique(np.stack([rows, columns])[:, rows < columns], axis=1)
            scores = likeness.scores_of_pairs(rows, columns)
            scores -= _penalty(days[columns] - days[rows], rate, options)
            shared = np.asarray(has[rows].multiply(has[columns]).sum(axis=1)).ravel() > 0
            near = days[columns] - days[rows] <= options.days
            good = (scores >= options.threshold) & shared & near
            yield rows[good], columns[good], scores[good]


def _rate(days: FloatArray) -> float:
    """Articles a day, on average."""
    return float(len(days) / (days.max() - days.min() + 1))


def _timed(
    scores: FloatArray, first: FloatArray, second: FloatArray, rate: float, options: EventOptions
) -> FloatArray:
    return np.asarray(scores - _penalty(np.abs(first[:, None] - second[None, :]), rate, options))


def _penalty(apart: FloatArray, rate: float, options: EventOptions) -> FloatArray:
    """For the articles that lie, on average, within as many days as `apart` before and after."""
    return np.asarray(options.crowd_penalty * np.log1p(rate * (2 * apart + 1)))


def _parts(
    members: IntArray, rows: IntArray, columns: IntArray, scores: FloatArray, options: EventOptions
) -> Iterator[IntArray]:
    """Articles that links hold together; long chains are cut at their weaker links."""
    place = np.full(int(members.max(initial=0)) + 1, -1)
    place[members] = np.arange(len(members))
    graph = sparse.coo_array((np.ones(len(rows)), (place[rows], place[columns])), shape=(len(members),) * 2)
    count, label = connected_components(graph, directed=False)
    by_label = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])
    for inside in by_label:
        part = members[inside]
        if len(part) <= options.most_linked:
            yield part
            continue
        held = label[place[rows]] == label[inside[0]]
        some = scores[held]
        stronger = some > np.median(some)
        if not stronger.any():  # links that are all alike: nothing to cut by
            yield from np.array_split(part, -(-len(part) // options.most_linked))
            continue
        yield from _parts(part, rows[held][stronger], columns[held][stronger], some[stronger], options)


def _average_linkage(
    likeness: Likeness, days: FloatArray, part: IntArray, options: EventOptions
) -> npt.NDArray[np.int64]:
    if len(part) == 1:
        return np.zeros(1, dtype=np.int64)
    scores = _timed(likeness.scores(part, part), days[part], days[part], _rate(days), options)
    top = float(scores.max())
    distances = top - (scores + scores.T) / 2
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    return np.asarray(fcluster(tree, top - options.threshold, "distance"), dtype=np.int64) - 1


def pairwise_f1(found: Sequence[Any], known: Sequence[Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 of "these two are of one event" over all pairs; each from 0 to 1."""
    together = Counter(zip(found, known, strict=True))

    def pairs(counts: Counter[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    right, said, true = pairs(together), pairs(Counter(found)), pairs(Counter(known))
    precision, recall = right / said if said else 0.0, right / true if true else 0.0
    return precision, recall, 2 * right / (said + true) if said + true else 0.0
