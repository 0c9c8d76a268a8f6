"""Feeds and single pages, text and HTML; every page here is made up."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polystance.inference.sources.feed import clean_summary, parse_header
from polystance.inference.sources.noise import clean_body, without_teaser
from polystance.models.records import Article
from tests.unit.reading import read

BODY = (
    "The sample ministry said on Monday that the new magnet plant would open in spring.\n"
    "Its output is to replace imports from three countries, officials told reporters."
)


def page(folder: Path, text: str, name: str = "page.txt") -> Article:
    (folder / name).write_text(text, encoding="utf-8")
    articles, failures = read(folder / name)
    assert not failures
    assert len(articles) == 1
    return articles[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Sou Hu Cai Jing· 2025-10-08 22:24", ("Sou Hu Cai Jing", "2025-10-08T22:24")),
        ("样例财经网 • 2025-10-08 22:24:05", ("样例财经网", "2025-10-08T22:24:05")),
        ("样例财经网｜2025年10月8日 22:24", ("样例财经网", "2025-10-08T22:24")),
        ("2025-10-08 22:24 | Sample Herald", ("Sample Herald", "2025-10-08T22:24")),
        ("2025/10/08 - Sample Herald", ("Sample Herald", "2025-10-08")),
        ("Sample-Wire News - 2025-10-08", ("Sample-Wire News", "2025-10-08")),
        ("Sample Herald 2025-10-08 22:24", ("Sample Herald", "2025-10-08T22:24")),
        ("Sample Herald — Sept 5, 2025", ("Sample Herald", "2025-09-05")),
        ("Sample Herald · 3 hours ago", ("Sample Herald", None)),
        ("样例早报 · 昨天 22:24", ("样例早报", None)),
        ("Released on 2025-10-08", None),
        ("The talks of 2025-10-08 22:24 were long", None),
        ("2025-10-08 22:24", None),
        ("It ended - 2025-10-08 22:24.", None),
        ("A plain headline", None),
        ("", None),
    ],
)
def test_feed_headers(line: str, expected: tuple[str, str | None] | None) -> None:
    assert parse_header(line) == expected


def test_feed_of_one_english_summary_under_a_chinese_headline(tmp_path: Path) -> None:
    article = page(
        tmp_path,
        "磁材供应\nSearch documents\n样例国磁材工厂将在春天投产\nYang Li Ri Bao· 2025-10-08 22:24\n"
        "Core Viewpoint - The U.S. plant is late [1][3]. "
        "Group 1: U.S. Plans - The plant opens in spring [2]. "
        "- Its output is small [4, 5].\n",
    )
    assert article.title == "样例国磁材工厂将在春天投产"
    assert (article.outlet, article.outlet_language, article.language) == ("样例日报", "zh", "en")
    assert article.text == (
        "The U.S. plant is late.\nGroup 1: U.S. Plans\nThe plant opens in spring.\nIts output is small."
    )


def test_unknown_outlet_of_a_summary_has_no_language_unless_its_name_tells(tmp_path: Path) -> None:
    text = "词\n样例国磁材工厂将在春天投产\n{}· 2025-10-08 22:24\nThe plant is late.\n"
    assert page(tmp_path, text.format("Unheard Wire")).outlet_language is None
    assert page(tmp_path, text.format("Mou Mou Cai Jing")).outlet_language == "zh"
    assert (
        page(
            tmp_path, text.format("Unheard Wire").replace("样例国磁材工厂将在春天投产", "A late plant")
        ).outlet_language
        == "en"
    )


@pytest.mark.parametrize("separator", ["· ", " • ", " | ", " - ", "｜"])
def test_feed_of_many_items(tmp_path: Path, separator: str) -> None:
    text = "rare earths\nSearch documents\n\n"
    for number in range(1, 6):
        head = ("Sample Herald", f"2025-10-0{number} 22:24")
        text += f"Headline number {number}\n{separator.join(head if number % 2 else head[::-1])}\n"
        text += f"First line {number}.\n\nSecond line {number}, cut by...\n\n"
    (tmp_path / "feed.txt").write_text(text, encoding="utf-8")
    articles, failures = read(tmp_path)
    assert not failures
    assert [article.title for article in articles] == [f"Headline number {n}" for n in range(1, 6)]
    assert [article.published for article in articles] == [f"2025-10-0{n}T22:24" for n in range(1, 6)]
    assert [article.text for article in articles] == [
        f"First line {n}.\nSecond line {n}, cut by..." for n in range(1, 6)
    ]
    assert [article.id for article in articles] == [f"feed.txt:{n}" for n in range(1, 6)]


def test_outlet_named_beside_a_portals_address_keeps_its_name(tmp_path: Path) -> None:
    row = {"text": "Words.", "source": "Unheard Gazette", "url": "https://finance.yahoo.com/news/1"}
    article = page(tmp_path, json.dumps(row), "a.jsonl")
    assert (article.outlet, article.outlet_language) == ("Unheard Gazette", "en")


def test_feed_item_without_body_is_a_failure(tmp_path: Path) -> None:
    text = "A\nSample Herald · 2025-10-01 10:00\nB\nSample Herald · 2025-10-02 10:00\nText.\n"
    (tmp_path / "feed.txt").write_text(text, encoding="utf-8")
    articles, failures = read(tmp_path)
    assert [(article.title, article.source_position) for article in articles] == [("B", 2)]
    assert [(failure.line, failure.reason) for failure in failures] == [(1, "the feed item 'A' has no body")]


def test_saved_page_with_navigation_and_teaser(tmp_path: Path) -> None:
    article = page(
        tmp_path,
        "Your current location is:SMP News > Metals\nThe sample state builds its own magnet plant.\n"
        "SMP News2025-03-04 05:06:07【Metals】12People have watched\n"
        "IntroductionMagnet price list,How to buy magnets,"
        "In the spring of next year, the sample ministry wi\n"
        "In the spring of next year,Magnet price list the sample ministry will open a plant.\n"
        "It cost $40 million.\nVery good!(8)\n"
        "Risk Warning and DisclaimerThe market carries risks.\n"
        "Related articles\n- Another headline\n- A third one.\nPopular Articles\nOne more.",
    )
    assert article.title == "The sample state builds its own magnet plant."
    assert (article.outlet, article.published) == ("SMP News", "2025-03-04T05:06:07")
    assert article.text == (
        "In the spring of next year, the sample ministry will open a plant.\nIt cost $40 million."
    )
    assert article.outlet_language == "en"


def test_portal_page_that_quotes_another_outlet(tmp_path: Path) -> None:
    article = page(
        tmp_path,
        "Sampleland offers magnets in trade talks\n\n03.02.25 08:09 Uhr\n\n"
        "Werte in diesem Artikel\nAktien\n\n"
        "1.234,50 JPY 12,00 JPY 0,98%\n\n"
        "Sampleland wants a deal, media reported.According to one paper, talks go on.Nothing was signed."
        "Infographic: Magnets of the worldFor years, prices fell.The U.S. and others agreed."
        "Weiter zum vollständigen Artikel bei Sample Mining Wire\n\n"
        "Ausgewählte Hebelprodukte auf Sample\n\nMit Knock-outs können Anleger partizipieren.\n\n"
        "NameHebelKOEmittent\nWerbung\n\nQuelle: Sample Mining Wire\n\nNachrichten zu Sample Ltd.\n\nWerbung",
    )
    assert article.title == "Sampleland offers magnets in trade talks"
    assert (article.outlet, article.outlet_language, article.language) == ("Sample Mining Wire", "en", "en")
    assert article.published == "2025-02-03T08:09"
    assert article.text.split("\n") == [
        "Sampleland wants a deal, media reported.",
        "According to one paper, talks go on.",
        "Nothing was signed.",
        "For years, prices fell.",
        "The U.S. and others agreed.",
    ]


@pytest.mark.parametrize(
    ("text", "title", "outlet", "published"),
    [
        (f"A sample headline\nBy A. Person\nSept 5, 2025\n{BODY}", "A sample headline", None, "2025-09-05"),
        (
            f"样例标题在这里出现\n2025年10月8日 10:20 来源：样例日报\n{BODY}",
            "样例标题在这里出现",
            "样例日报",
            "2025-10-08T10:20",
        ),
        (
            f"Title: A headline\nSource: Sample Herald\nDate: 5 September 2025\n\n{BODY}",
            "A headline",
            "Sample Herald",
            "2025-09-05",
        ),
        (f"标题：样例标题\n来源：样例早报\n日期：2025-01-02\n{BODY}", "样例标题", "样例早报", "2025-01-02"),
        (f"Home > World\nA sample headline\n{BODY}", "A sample headline", None, None),
        (
            f"A sample headline\n\n{BODY}\nRelated Articles\nOther one\n相关阅读\n别的",
            "A sample headline",
            None,
            None,
        ),
        (f"A sample headline\n{BODY}\n免责声明：本文仅供参考\n更多", "A sample headline", None, None),
    ],
)
def test_single_pages(
    tmp_path: Path, text: str, title: str, outlet: str | None, published: str | None
) -> None:
    article = page(tmp_path, text)
    assert (article.title, article.outlet, article.published) == (title, outlet, published)
    assert article.text.removeprefix("By A. Person\n") == BODY


def test_bare_text_is_all_body(tmp_path: Path) -> None:
    text = "The ministry said so. It said more. " * 20
    article = page(tmp_path, text)
    assert (article.title, article.text) == ("", text.strip())


def test_article_goes_on_after_links_in_its_middle() -> None:
    long_paragraph = "A real paragraph follows the links. " * 9
    assert clean_body(f"Start.\nRelated articles\n- One\n- Two\n{long_paragraph}\nEnd.") == (
        f"Start.\n{long_paragraph.strip()}\nEnd."
    )


def test_markdown(tmp_path: Path) -> None:
    text = (
        '---\ntitle: "A headline"\nsource: Sample Herald\ndate: 2025-01-02\nurl: https://sample-herald.example/1\n---\n'
        "# A headline\n\n![chart](x.png)\n**The ministry** [said](http://x.example) so.\n\n"
        "> It *really* did.\n\n---\n"
    )
    article = page(tmp_path, text, "a.md")
    assert (article.title, article.outlet, article.published) == ("A headline", "Sample Herald", "2025-01-02")
    assert article.text == "The ministry said so.\nIt really did."
    assert article.url == "https://sample-herald.example/1"


def html(body: str, charset: str = "utf-8") -> str:
    return (
        f'<!DOCTYPE html><html><head><meta charset="{charset}"><title>样例标题 - 网站</title>'
        '<meta property="og:title" content="样例标题"><meta property="og:site_name" content="样例财经">'
        '<meta property="article:published_time" content="2025-10-08T22:24:00+08:00">'
        '<link rel="canonical" href="https://yangli-caijing.example/1.html"></head><body>'
        f'<nav><a href="/">首页</a></nav><article><h1>样例标题</h1>{body}</article>'
        '<div class="related"><h3>相关阅读</h3><ul><li><a href="/2">别的新闻在这里</a></li></ul></div>'
        "</body></html>"
    )


PARAGRAPHS = [
    f"样例部长周二表示，中国和美国将继续就稀土出口问题进行第{n}次磋商，这对两国的企业都很重要。"
    for n in range(6)
]


@pytest.mark.parametrize("charset", ["utf-8", "gb2312", "big5"])
def test_html(tmp_path: Path, charset: str) -> None:
    paragraphs = PARAGRAPHS
    if charset == "big5":
        paragraphs = [
            f"樣例部長週二表示，美國與日本將就出口問題進行第{n}次磋商，這對兩國都很重要。" for n in range(6)
        ]
    source = html("".join(f"<p>{text}" for text in paragraphs), charset)  # unclosed on purpose
    if charset == "big5":
        source = source.replace("样例标题", "樣例標題").replace("样例财经", "樣例財經")
        source = (
            source.replace("首页", "首頁")
            .replace("网站", "網站")
            .replace("相关阅读", "相關閱讀")
            .replace("别的新闻在这里", "別的新聞")
        )
    (tmp_path / "a.html").write_bytes(source.encode(charset if charset != "gb2312" else "gb18030"))
    articles, failures = read(tmp_path)
    assert not failures
    article = articles[0]
    assert article.title in ("样例标题", "樣例標題")
    assert (article.outlet, article.outlet_language, article.language) == ("样例财经网", "zh", "zh")
    assert article.published == "2025-10-08T22:24:00+08:00"
    assert article.url == "https://yangli-caijing.example/1.html"
    assert set(article.text.split("\n")) == set(paragraphs)


def test_html_without_article_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<html><body></body></html>", encoding="utf-8")
    assert "no article text" in read(tmp_path)[1][0].reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Late [1][3]. More [10, 11].", "Late. More."),
        ("In [2025] it was [sic].", "In [2025] it was [sic]."),
        ("Core Viewpoint - So it is.", "So it is."),
    ],
)
def test_summaries(text: str, expected: str) -> None:
    assert clean_summary(text) == expected


def test_an_introduction_that_is_text_stays() -> None:
    lines = ["Introduction to the matter comes first.", "Then the matter."]
    assert without_teaser(lines) == lines


pieces = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["Sample Herald · 2025-10-08 22:24", "2025-10-08 | 样例日报", "Related articles", "Introductiona,b",
         "Quelle: X",
         "Weiter zum vollständigen Artikel bei X", "- ", "A headline", "Title: x", "---", "昨天",
         "01.06.25 15:06 Uhr"]
    ),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces, max_size=12), st.sampled_from([".txt", ".md"]))
def test_any_page_gives_articles_or_failures(tmp_path: Path, parts: list[str], suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes("\n".join(parts).encode("utf-8", "replace"))
    articles, failures = read(path)
    assert articles or failures
    for article in articles:
        assert article.text.strip()
        json.dumps([article.text, article.title, article.outlet], ensure_ascii=False).encode("utf-8")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Z][a-z]{3,9} [a-z]{3,9}", fullmatch=True), st.booleans()),
        min_size=2,
        max_size=9,
    )
)
def test_every_item_of_a_feed_comes_out(tmp_path: Path, items: list[tuple[str, bool]]) -> None:
    text = "keyword\n"
    for title, filled in items:
        text += f"{title}\nSample Herald · 2025-10-08 22:24\n" + (
            "Some words follow here.\n" if filled else ""
        )
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    articles, failures = read(tmp_path)
    assert [article.title for article in articles] == [title for title, filled in items if filled]
    assert len(failures) == sum(not filled for _, filled in items)


@pytest.mark.skipif(
    "POLYSTANCE_REAL_PAGES" not in os.environ, reason="set POLYSTANCE_REAL_PAGES to their folder"
)
def test_real_pages() -> None:
    articles, failures = read(Path(os.environ["POLYSTANCE_REAL_PAGES"]))
    assert not failures
    found = [(a.title[:20], a.outlet, a.outlet_language, a.language, a.published) for a in articles]
    assert found == [
        ("The U.S. and Japan c", "FTI News", "en", "en", "2025-09-05T12:25:29"),
        ("美国稀土供应链失败?MP停止出口、土耳其", "Sohu", "zh", "en", "2025-10-08T22:24"),
        ("Japan proposes rare ", "Mining.com", "en", "en", "2025-06-01T15:06"),
    ]
    text = "\n".join(article.text for article in articles)
    for noise in (
        "People have",
        "Disclaimer",
        "Related",
        "Weiter",
        "Werbung",
        "Infographic",
        "[1]",
        "dealer",
        "JPY",
    ):
        assert noise not in text
