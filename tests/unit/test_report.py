"""The report: safe with any corpus text, self-contained, and saying what the numbers say."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from polystance.inference import charts
from polystance.inference.comparison import Comparison, compare
from polystance.inference.pagetext import clean, web_address
from polystance.inference.report import render_report
from polystance.models.records import ArticleLabels
from tests.unit.synthetic_run import labelled, stance, synthetic_labels, write_run

ATTACK = "</script></style></title><img src=x onerror=alert(1)>\"'><svg onload=alert(2)>{{7*7}}\u202e"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes, visible text, and whether every tag is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts)).replace("\u2060", "")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(write_run(tmp_path_factory.mktemp("run"), synthetic_labels()), draws=300)


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> Page:
    return Page(render_report(comparison))


def hostile() -> list[ArticleLabels]:
    """Attacks in every field that comes from a corpus or a user."""
    found = []
    for language in ("zh", "en"):
        for i in range(4):
            found.append(
                labelled(
                    len(found), f"{ATTACK}{i}", language,
                    [stance(ATTACK, 0.9 - 0.3 * i, text=f"{ATTACK} {language}{i}"),
                     stance("US", 0.2 * i - 0.9, label="against", text=f"{ATTACK} {language} {i}")],
                    title=ATTACK, published=f"2025-0{1 + i}{ATTACK}",
                    url=["javascript:alert(1)", f"https://x.example/\"onclick=alert(1)//{ATTACK}",
                         "data:text/html,<script>alert(1)</script>", " JaVaScRiPt:alert(1)"][i],
                    frames=(ATTACK,), tone="negative",
                )
            )  # fmt: skip
            object.__setattr__(found[-1].article, "language", f'{language}" onload="alert(3)')
    return [*found, labelled(99, ATTACK, ATTACK, [])]


def test_corpus_text_is_always_escaped() -> None:
    html = render_report(compare(hostile(), draws=300))
    page = Page(html)
    assert "<img" not in html
    assert html.count("<script") == 1
    assert "ATTACK" not in html.split("<script>")[1]
    assert "49" not in {text.strip() for text in page.texts}
    assert "{{7*7}}" in page.text
    assert "\u202e" not in html
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "javascript:" not in str(attributes.get("href", "")).lower()
        assert not re.search(r"[^A-Za-z0-9-]", str(attributes.get("lang") or ""))
    assert {attributes["href"].split(":")[0] for attributes in page.named("a") if attributes["href"]} == {
        "https"
    }


def test_page_loads_nothing_and_runs_its_own_script_only(comparison: Comparison, page: Page) -> None:
    html = render_report(comparison)
    assert len(page.named("script")) == 1
    assert not {"link", "iframe", "object", "embed", "base", "form", "image", "use", "img"} & {
        tag for tag, _ in page.tags
    }
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert "style" not in attributes, tag  # the policy would block it
        assert "srcset" not in attributes, tag
        assert tag == "a" or "href" not in attributes, tag
    css = re.search("<style>(.*?)</style>", html, re.S)
    assert css is not None
    assert "@import" not in css[1]
    assert "url(" not in css[1]
    script = re.search("<script>(.*?)</script>", html, re.S)
    assert script is not None
    policy = next(item["content"] for item in page.named("meta") if "http-equiv" in item)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for source, kind in ((css[1], "style"), (script[1], "script")):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_structure(page: Page) -> None:
    html_tag = page.named("html")[0]
    assert html_tag["lang"] == "en"
    assert len(page.named("h1")) == 1
    headings = [
        "What stands out", "Who presents whom how, and where the two part", "Does the difference hold?",
        "How the labels divide", "Frames: what the stories are about", "Tone of the articles",
        "Outlet by outlet", "Target by target", "Over time", "In their own words",
        "The same events, side by side", "The numbers", "Caveats", "Method", "Versions and options",
        "How to cite",
    ]  # fmt: skip
    places = [page.text.index(heading) for heading in headings]
    assert places == sorted(places)
    assert (
        "How Chinese-language and English-language outlets present four countries and the European Union"
        in page.text
    )
    assert page.text.lower().count("uncorrected") >= 5
    assert "invented outlets" in page.text
    source = (Path(charts.__file__).parent / "templates" / "report.html.j2").read_text(encoding="utf-8")
    for name in dir(dict):  # a template finds the method of a mapping before its key
        assert not re.search(rf"\.{name}\b(?!\()", source), name
    for svg in page.named("svg"):
        assert svg.get("aria-label") or svg.get("aria-hidden") or "over" in str(svg.get("class"))


def test_page_shows_the_numbers_of_the_table(comparison: Comparison, page: Page) -> None:
    bold = set()
    for _, row in comparison.table.iterrows():
        sign = "−" if row["gap"] < 0 else "+"
        gap = f"{sign}{abs(row['gap']):.2f}"
        assert gap in page.text
        if row["clear"]:
            bold.add(gap)
    html = render_report(comparison)
    marked = set(re.findall(r'<div class="number"><b>([^<]*\.[^<]*)</b>', html))
    assert marked == bold


def test_evidence_keeps_its_language_and_links(page: Page) -> None:
    languages = {item.get("lang") for item in page.named("blockquote")}
    assert languages == {"zh", "en"}
    assert "美方一再挥舞关税大棒" in page.text
    assert all(str(item["href"]).startswith("https://news.example/") for item in page.named("a"))
    assert all("noopener" in str(item["rel"]) for item in page.named("a"))


def test_counts_versions_and_failures_are_told(page: Page) -> None:
    assert "Outlets in other languages, not compared 1 (fr 1)" in page.text
    assert "Inputs that could not be read or labelled 1" in page.text
    assert "run: checkpoint.name polystance-small" in page.text


def test_report_is_the_same_every_time(comparison: Comparison, tmp_path: Path) -> None:
    comparison.to_html(tmp_path / "report.html")
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert written == render_report(comparison)


@pytest.mark.parametrize(
    "labels",
    [
        [labelled(0, "a", "zh", []), labelled(1, "b", "en", [])],
        [labelled(i, f"o{i}", "zh" if i % 2 else "en", [stance("US", 0.0)]) for i in range(12)],
        [labelled(i, "o", ("en", "zh")[i % 2], [stance("US", 0.1 * i)]) for i in range(8)],
        [labelled(0, None, "zh", [stance("US", 0.4)], published=None), labelled(1, None, "en", [])],
    ],
    ids=["no stances", "all neutral", "one outlet each", "one group without the target"],
)  # fmt: skip
def test_thin_data_still_makes_a_page(labels: list[ArticleLabels]) -> None:
    targets = ["US"] if labels[0].stances else None
    found = Page(render_report(compare(labels, targets=targets, draws=100)))
    assert "nan" not in found.text.split()
    assert "less favourably" not in found.text
    assert "more favourably" not in found.text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x?y=1", "https://a.example/x?y=1"),
        ("  http://a.example ", "http://a.example"),
        ("javascript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("//a.example", None),
        ("https://[bad", None),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_only_web_addresses_become_links(url: object, expected: str | None) -> None:
    assert web_address(url) == expected


def test_clean_removes_what_cannot_be_seen() -> None:
    assert clean("a\u202eb\x00c\u2066d\ud800e\ufefff") == "abcdef"
    assert clean("习近平 🇨🇳") == "习近平 🇨🇳"
    assert clean(None) == ""


def test_scales_hold_every_value() -> None:
    scale = charts.symmetric_scale([-0.33, 0.1, float("nan")])
    assert (scale.low, scale.high) == pytest.approx((-0.4, 0.4))
    assert scale.at(0) == 50
    assert [tick.text for tick in scale.ticks()] == ["−0.4", "−0.2", "0", "+0.2", "+0.4"]
    assert [tick.text for tick in charts.share_scale([0.27]).ticks(percent=True)][:2] == ["0%", "5%"]
    bar = charts.stack([("against", 0.5), ("neutral", 0.0), ("favor", 0.5)])
    assert [(part.x, part.width, part.text) for part in bar] == [(0, 50, "50%"), (50, 50, "50%")]
    assert charts.stack([("against", float("nan"))]) == []
