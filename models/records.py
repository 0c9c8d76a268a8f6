"""The records that flow through polystance: an article goes in, its labels come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Article:
    """One news item.

    Attributes:
        id: Unique within a run.
        text: Body, paragraphs separated by newlines. Offsets in results count characters of this string.
        title: Headline, may be empty.
        outlet: Name of the publisher, as canonical as it is known.
        outlet_language: Language of the *outlet* ("zh", "en", ...). It decides the group in a comparison,
            since aggregators publish English summaries of Chinese pieces.
        language: Language of the text; detected when None.
        published: ISO 8601 date or date and time, as exact as the source gives it.
        url: Address of the page.
        source_file: File the article was read from.
        source_position: Line (1-based) in line formats, number of the item (1-based) in pages and tables.
    """

    id: str
    text: str
    title: str = ""
    outlet: str | None = None
    outlet_language: str | None = None
    language: str | None = None
    published: str | None = None
    url: str | None = None
    source_file: str | None = None
    source_position: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a text names a target: `text[start:end]`, in characters."""

    target: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentence that speaks most for a label.

    `start` and `end` are character offsets into `Article.text` (into `Article.title` if `in_title`).
    """

    text: str
    start: int
    end: int
    in_title: bool = False


@dataclass(frozen=True, slots=True)
class StanceLabel:
    """How an article presents one target.

    Attributes:
        target: ISO 3166-1 alpha-2 code, "EU", or free text.
        label: "favor", "neutral" or "against"; "uncertain" if the confidence asked for was not reached.
        probabilities: Calibrated probability of each stance, summing to 1.
        plausible: Stances that can't be ruled out: the checkpoint's conformal set, most probable first.
        mentions: Mentions of the target in title and text; 0 for a target given but not named.
        windows: Windows of text that the label rests on.
        tokens: Tokens of these windows.
        evidence: None if the article never mentions the target.
    """

    target: str
    label: str
    probabilities: Mapping[str, float]
    plausible: tuple[str, ...]
    mentions: int
    windows: int
    tokens: int
    evidence: Evidence | None = None

    @property
    def score(self) -> float:
        """P(favor) - P(against), from -1 to 1."""
        return self.probabilities["favor"] - self.probabilities["against"]


@dataclass(frozen=True, slots=True)
class ToneLabel:
    """Overall affect of an article: "positive", "neutral" or "negative", with calibrated probabilities."""

    label: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ArticleLabels:
    """Everything that polystance says about one article.

    Attributes:
        article: What was labelled, with `language` and `outlet_language` filled in where they could be.
        stances: One label per target, keyed by target, in order of the targets' mentions or as given.
        tone: Overall affect.
        frames: Frames whose probability reached the checkpoint's threshold, most probable first, at most 3.
        frame_probabilities: Probability of each of the fourteen frames, each from 0 to 1.
        windows: Windows that were read; together they hold every token of the article.
        tokens: Tokens that were read, titles and headers that windows repeat included.
    """

    article: Article
    stances: Mapping[str, StanceLabel]
    tone: ToneLabel
    frames: tuple[str, ...]
    frame_probabilities: Mapping[str, float] = field(repr=False)
    windows: int = 0
    tokens: int = 0
