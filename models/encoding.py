"""Text and targets to token ids: one pass of the model labels up to eight targets at once.

    [CLS] [T0] United States [T1] China [SEP] title. ... the [T0] White House said [T1] Beijing's ... [SEP]

Each target has a marker, `[T0]` to `[T7]`. The header names the target after its marker, in the
language of the text; in the text the marker stands before each mention. Tone and frames are read at
`[CLS]`, stance at the header's markers.

A sentence is tokenised once, with a placeholder before each mention; windows are put together from
tokenised sentences, so that long articles and more than eight targets cost no second tokenisation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from polystance.models.labels import MARKERS, MAX_TARGETS_PER_PASS
from polystance.models.records import Mention
from polystance.models.scripts import STRAY_BLANKS, to_simplified, without_surrogates
from polystance.models.sentences import split_sentences
from polystance.models.targets import target_name

_PLACEHOLDER = MARKERS[0]
MAX_NAME_TOKENS = 24  # of a free-text target in the header


@dataclass(frozen=True, slots=True)
class Sentence:
    """A tokenised sentence.

    Attributes:
        start, end: Characters of the title or the body that it covers.
        in_title: Whether that is the title.
        ids: Token ids, a placeholder marker before each mention.
        marks: Position in `ids` and target of each placeholder.
    """

    start: int
    end: int
    in_title: bool
    ids: tuple[int, ...]
    marks: tuple[tuple[int, str], ...]

    def slice(self, start: int, stop: int) -> Sentence:
        """Tokens `start` to `stop`, for a sentence that no window can hold whole."""
        marks = tuple((p - start, t) for p, t in self.marks if start <= p < stop)
        return Sentence(self.start, self.end, self.in_title, self.ids[start:stop], marks)


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """Model input for one window and up to eight targets.

    Attributes:
        ids: Token ids.
        targets: The targets of the header, in its order.
        header: Position of each target's marker in the header; same length as `targets`.
        mentions: Per target, (position of the marker, index of its sentence in the window).
    """

    ids: tuple[int, ...]
    targets: tuple[str, ...]
    header: tuple[int, ...]
    mentions: tuple[tuple[tuple[int, int], ...], ...]


class WindowEncoder:
    """Turns titles, bodies and mentions into model inputs.

    Args:
        tokenizer: Must know the markers and `[CLS]`, `[SEP]`.
        cls, sep: Tokens that begin a sequence and end a part (`<s>`, `</s>` in RoBERTa's family).
        simplify: Whether the vocabulary has simplified characters only; traditional ones are replaced
            before tokenising, one for one.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, cls: str = "[CLS]", sep: str = "[SEP]", simplify: bool = True
    ) -> None:
        self.tokenizer = tokenizer
        self.simplify = simplify
        self.marker_ids = tuple(self._id(marker) for marker in MARKERS)
        self._cls, self._sep = self._id(cls), self._id(sep)
        self._names: dict[tuple[str, str], tuple[int, ...]] = {}
        added = tokenizer.get_added_tokens_decoder().values()
        names = [t.content for t in added if t.special and len(t.content) > 1]
        breaks = "|".join(f"{re.escape(n[0])}(?={re.escape(n[1:])})" for n in names)
        self._special = re.compile(breaks or "(?!)")

    def _id(self, token: str) -> int:
        index = self.tokenizer.token_to_id(token)
        if index is None:
            raise ValueError(f"The tokenizer has no token {token!r}; add it before encoding.")
        return int(index)

    def _prepared(self, text: str) -> str:
        """`text` in the script and the characters that the tokenizer knows, of the same length."""
        return without_surrogates(to_simplified(text) if self.simplify else text)

    def _plain(self, text: str) -> str:
        """`text` for the tokenizer: what looks like a special token must not become one."""
        return STRAY_BLANKS.sub("", self._special.sub(r"\g<0> ", text))

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of plain texts, without marks and special tokens."""
        prepared = [self._plain(self._prepared(text)) for text in texts]
        return [e.ids for e in self.tokenizer.encode_batch(prepared, add_special_tokens=False)]

    def sentences(
        self,
        title: str,
        text: str,
        title_mentions: Sequence[Mention] = (),
        text_mentions: Sequence[Mention] = (),
    ) -> list[Sentence]:
        """Tokenised sentences of one article; the title, if there is one, is the first."""
        return self.sentences_of([(title, text, title_mentions, text_mentions)])[0]

    def sentences_of(
        self, articles: Sequence[tuple[str, str, Sequence[Mention], Sequence[Mention]]]
    ) -> list[list[Sentence]]:
        """As `sentences`, for many articles in one call of the tokenizer (which runs on all cores)."""
        spans: list[tuple[int, int, int, bool, list[Mention]]] = []
        marked: list[str] = []
        for number, (title, text, title_mentions, text_mentions) in enumerate(articles):
            for source, mentions, in_title in ((title, title_mentions, True), (text, text_mentions, False)):
                prepared = self._prepared(source)
                left = sorted(mentions, key=lambda m: m.start)
                # Asked once of the whole: a search in each piece would take longer than all the rest.
                plain = self._plain if self._plain(prepared) != prepared else str
                sentence_spans = [(0, len(title))] if in_title and title.strip() else []
                for start, end in sentence_spans if in_title else split_sentences(text):
                    inside = [m for m in left if start <= m.start < end]
                    spans.append((number, start, end, in_title, inside))
                    marked.append(_mark(prepared, start, end, inside, plain))
        encoded = self.tokenizer.encode_batch(marked, add_special_tokens=False)
        results: list[list[Sentence]] = [[] for _ in articles]
        placeholder = self.marker_ids[0]
        for (number, start, end, in_title, inside), encoding in zip(spans, encoded, strict=True):
            ids = tuple(encoding.ids)
            positions = [p for p, token in enumerate(ids) if token == placeholder]
            marks = tuple((p, m.target) for p, m in zip(positions, inside, strict=True))
            results[number].append(Sentence(start, end, in_title, ids, marks))
        return results

    def name_ids(self, target: str, language: str) -> tuple[int, ...]:
        """Token ids of the name of a target in the header."""
        key = (target, language)
        if key not in self._names:
            name = self._plain(self._prepared(target_name(target, language)))
            self._names[key] = tuple(
                self.tokenizer.encode(name, add_special_tokens=False).ids[:MAX_NAME_TOKENS]
            )
        return self._names[key]

    def header_length(self, targets: Sequence[str], language: str) -> int:
        """Tokens of the header, `[CLS]` and both `[SEP]` included."""
        return 3 + sum(1 + len(self.name_ids(target, language)) for target in targets)

    def window(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[str],
        language: str,
        markers: Sequence[int] | None = None,
        unmarked: frozenset[str] = frozenset(),
    ) -> EncodedWindow:
        """Put a window together.

        Args:
            sentences: In reading order.
            targets: At most eight.
            language: "zh" or "en": that of the header's names.
            markers: Which marker each target gets; 0, 1, 2 ... if None. Training shuffles them.
            unmarked: Targets whose mentions get no marker (training drops some, so that the model
                can also judge what a text never names).
        """
        if len(targets) > MAX_TARGETS_PER_PASS:
            raise ValueError(f"{len(targets)} targets in one pass; at most {MAX_TARGETS_PER_PASS} fit.")
        order = range(len(targets)) if markers is None else markers
        marker_of = {target: self.marker_ids[m] for target, m in zip(targets, order, strict=True)}
        ids = [self._cls]
        header = []
        for target in targets:
            header.append(len(ids))
            ids += [marker_of[target], *self.name_ids(target, language)]
        ids.append(self._sep)
        mentions: dict[str, list[tuple[int, int]]] = {target: [] for target in targets}
        for index, sentence in enumerate(sentences):
            previous = 0
            for position, target in sentence.marks:
                ids += sentence.ids[previous:position]
                previous = position + 1
                if target in marker_of and target not in unmarked:
                    mentions[target].append((len(ids), index))
                    ids.append(marker_of[target])
            ids += sentence.ids[previous:]
        ids.append(self._sep)
        return EncodedWindow(
            tuple(ids), tuple(targets), tuple(header), tuple(tuple(mentions[t]) for t in targets)
        )


def _mark(text: str, start: int, end: int, mentions: Sequence[Mention], plain: Callable[[str], str]) -> str:
    """A sentence with a placeholder before each mention."""
    parts, previous = [], start
    for mention in mentions:
        parts += [plain(text[previous : mention.start]), _PLACEHOLDER]
        previous = mention.start
    parts.append(plain(text[previous:end]))
    return "".join(parts)
