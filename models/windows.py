"""Articles to windows: stretches of sentences, title in each, that fit the model; no token is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polystance.models.encoding import EncodedWindow, Sentence, WindowEncoder
from polystance.models.labels import MAX_TARGETS_PER_PASS, STANCE_SLICE

_TITLE_SHARE = 4  # a title may take at most a quarter of a window


@dataclass(frozen=True, slots=True)
class Window:
    """A window of one article, encoded once for every eight targets.

    Attributes:
        sentences: In reading order, the title first if there is one.
        passes: Model inputs; together they ask for every target.
        tokens: Tokens of title and sentences, headers left out.
    """

    sentences: tuple[Sentence, ...]
    passes: tuple[EncodedWindow, ...]
    tokens: int


def make_windows(
    encoder: WindowEncoder, sentences: Sequence[Sentence], targets: Sequence[str], language: str, limit: int
) -> list[Window]:
    """Windows of one article, none longer than `limit` tokens in any of its passes.

    Sentences are never split unless a single one is too long for a window. Windows are filled evenly,
    so that a long article doesn't end in a window of one sentence.
    """
    parts = _parts(encoder, targets, language, limit)
    header = max(encoder.header_length(part, language) for part in parts)
    share = limit // _TITLE_SHARE
    title = [s.slice(0, share) for s in sentences if s.in_title]
    overlong = [s for s in sentences if s.in_title and len(s.ids) > share]
    room = limit - header - sum(len(s.ids) for s in title)
    body: list[Sentence] = []
    # What a very long title has beyond its share is read as body text.
    rest = [s.slice(share, len(s.ids)) for s in overlong]
    for sentence in (*rest, *(s for s in sentences if not s.in_title)):
        body += [sentence.slice(i, i + room) for i in range(0, len(sentence.ids), room)]
    groups = _fill(body, room)
    windows = []
    for group in groups or [[]]:
        inside = (*title, *group)
        passes = tuple(encoder.window(inside, part, language) for part in parts)
        windows.append(Window(inside, passes, sum(len(s.ids) for s in inside)))
    return windows


def _parts(
    encoder: WindowEncoder, targets: Sequence[str], language: str, limit: int
) -> list[tuple[str, ...]]:
    """Targets by pass: eight, or fewer where long free texts would take more than half of the window."""
    parts: list[tuple[str, ...]] = [()]
    for target in targets:
        longer = (*parts[-1], target)
        fits = len(longer) <= MAX_TARGETS_PER_PASS and encoder.header_length(longer, language) <= limit // 2
        if fits or not parts[-1]:
            parts[-1] = longer
        else:
            parts.append((target,))
    return parts


def _fill(body: Sequence[Sentence], room: int) -> list[list[Sentence]]:
    total = sum(len(s.ids) for s in body)
    if not total:
        return []
    even = -(-total // -(-total // room))  # tokens a window if all were equally full
    groups: list[list[Sentence]] = []
    used = 0
    for sentence in body:
        size = len(sentence.ids)
        full = used + size > room or used >= even
        if not groups or full:
            groups.append([])
            used = 0
        groups[-1].append(sentence)
        used += size
    return groups


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one target is judged in one window.

    Attributes:
        index: Of the window in its article.
        window: The window.
        mentions: (position, sentence index) of the target's markers in the window.
        outputs: Logits of the pass, (tokens, 20).
        logits: Stance logits at the target's header marker, (3,).
    """

    index: int
    window: Window
    mentions: tuple[tuple[int, int], ...]
    outputs: NDArray[np.float32]
    logits: NDArray[np.float32]


def spots(
    windows: Sequence[Window], outputs: Sequence[Sequence[NDArray[np.float32]]], target: str
) -> list[Spot]:
    """The windows that a target's label rests on: those that name it; all of them if none does.

    `outputs`: per window and pass, logits of (tokens, 20).
    """
    found = []
    for index, (window, logits) in enumerate(zip(windows, outputs, strict=True)):
        for encoded, out in zip(window.passes, logits, strict=True):
            if target in encoded.targets:
                slot = encoded.targets.index(target)
                at_header = out[encoded.header[slot], STANCE_SLICE]
                found.append(Spot(index, window, encoded.mentions[slot], out, at_header))
    return [spot for spot in found if spot.mentions] or found
