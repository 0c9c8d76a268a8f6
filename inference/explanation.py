"""One article's labels for a terminal: the decision on each target, and the text with the evidence marked."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from polystance.models.records import ArticleLabels, StanceLabel
from polystance.models.targets import target_name
from polystance.models.texts import clean_text

# Blue and orange rather than green and red: told apart by everyone.
STYLES: Final = {"favor": "bold white on blue", "against": "bold black on orange1", "neutral": "reverse dim"}


def explanation(labels: ArticleLabels) -> RenderableType:
    """A rich renderable: headline, a table of targets, then the body with the evidence highlighted."""
    article = labels.article
    head = Text(clean_text(article.title or article.id), style="bold")
    facts = [
        article.outlet,
        article.outlet_language and f"{article.outlet_language} outlet",
        article.published,
    ]
    tone = f"tone {labels.tone.label} ({labels.tone.probabilities[labels.tone.label]:.2f})"
    frames = "frames " + (", ".join(labels.frames) or "none")
    read = f"{labels.windows} window{'s' * (labels.windows != 1)}, {labels.tokens} tokens read"
    line = Text(" · ".join([*(clean_text(f) for f in facts if f), tone, frames, read]), style="dim")
    parts: list[RenderableType] = [head, line, ""]
    if labels.stances:
        parts += [_table(labels), ""]
    else:
        parts += [
            Text("No country or EU is mentioned; name targets with --target to score them all the same."),
            "",
        ]
    parts += [_marked(labels), ""]
    return Group(*parts)


def _table(labels: ArticleLabels) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("target", "stance", "score", "favor", "neutral", "against", "mentions"):
        table.add_column(name, justify="left" if name in ("target", "stance") else "right")
    for stance in labels.stances.values():
        p = stance.probabilities
        table.add_row(
            Text(clean_text(target_name(stance.target, "en"))),
            Text(f" {stance.label} ", style=STYLES.get(stance.label, "dim")),
            f"{stance.score:+.2f}",
            *(f"{p[label]:.2f}" for label in ("favor", "neutral", "against")),
            str(stance.mentions),
        )
    return table


def _marked(labels: ArticleLabels) -> Text:
    """The body; each stretch of evidence is highlighted and followed by its targets."""
    spots: dict[tuple[int, int], list[StanceLabel]] = {}
    for stance in labels.stances.values():
        if stance.evidence and not stance.evidence.in_title and stance.label != "neutral":
            spots.setdefault((stance.evidence.start, stance.evidence.end), []).append(stance)
    text, marked, position = labels.article.text, Text(), 0
    for (start, end), stances in sorted(spots.items()):
        if start < position:  # two windows may cut the same sentence
            continue
        marked.append(clean_text(text[position:start]))
        marked.append(clean_text(text[start:end]), style="underline")
        for stance in stances:
            marked.append(f" {stance.target} {stance.label} ", style=STYLES.get(stance.label, "dim"))
        position = end
    marked.append(clean_text(text[position:]))
    return marked
