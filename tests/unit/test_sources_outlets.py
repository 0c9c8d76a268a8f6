"""The outlet registry, dates and languages."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystance.inference.sources.dates import find_date, to_iso
from polystance.inference.sources.ids import IdRegistry
from polystance.inference.sources.outlets import OutletRegistry, guess_language, is_pinyin
from polystance.models.texts import clean_text, detect_language, language_code

REGISTRY = OutletRegistry.shipped()


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("Sou Hu Cai Jing", None, ("Sohu", "zh")),
        ("sohu  FINANCE", None, ("Sohu", "zh")),
        ("搜狐財經", None, ("Sohu", "zh")),
        ("Xin Lang Cai Jing", None, ("Sina Finance", "zh")),
        ("Hua Er Jie Jian Wen", None, ("Wallstreetcn", "zh")),
        ("Xin Hua She", None, ("Xinhua", "zh")),
        ("新華社", None, ("Xinhua", "zh")),
        ("Xinhua", "https://english.news.cn/2025/1", ("Xinhua English", "en")),
        ("人民日報", None, ("People's Daily", "zh")),
        ("Global Times", None, ("Global Times", "en")),
        ("Huan Qiu Shi Bao", None, ("环球时报", "zh")),
        ("Guan Cha Zhe Wang", None, ("Guancha", "zh")),
        ("ＢＢＣ", None, ("BBC News", "en")),
        ("BBC", "https://www.bbc.com/zhongwen/simp/1", ("BBC News Chinese", "zh")),
        (None, "https://www.bbc.com/news/1", ("BBC News", "en")),
        (None, "https://cn.nytimes.com/x/", ("New York Times Chinese", "zh")),
        ("new york times", None, ("The New York Times", "en")),
        ("路透中文网", None, ("Reuters Chinese", "zh")),
        ("Reuters", "https://finance.yahoo.com/news/1", ("Reuters", "en")),
        ("DW 中文", None, ("DW Chinese", "zh")),
        ("美国之音", None, ("VOA Chinese", "zh")),
        ("mining.com", None, ("Mining.com", "en")),
        ("Caixin Global", None, ("Caixin Global", "en")),
        ("財新網", None, ("Caixin", "zh")),
        ("樣例港聲", None, ("样例港声", "zh")),
        ("Yang Li Zhi Sheng", None, ("样例之声中文网", "zh")),
        ("the sample herald", None, ("Sample Herald", "en")),
        ("An Unheard Paper", "https://unheard.example", None),
        ("", "http://[broken", None),
        (None, None, None),
    ],
)
def test_lookup(name: str | None, url: str | None, expected: tuple[str, str] | None) -> None:
    outlet = REGISTRY.lookup(name, url)
    assert (outlet and (outlet.name, outlet.language)) == expected


def test_language_chooses_between_editions_that_share_a_name() -> None:
    english, chinese = REGISTRY.lookup("Xinhua", language="en"), REGISTRY.lookup("BBC", language="zh")
    assert english is not None
    assert chinese is not None
    assert (english.name, chinese.name) == ("Xinhua English", "BBC News Chinese")
    pinyin = REGISTRY.lookup("Xin Hua She", language="en")
    assert pinyin is not None
    assert pinyin.name == "Xinhua"


def test_registry_is_sound() -> None:
    assert len(REGISTRY.outlets) >= 264
    names = Counter(outlet.name for outlet in REGISTRY.outlets)
    assert max(names.values()) == 1
    domains = Counter(domain for outlet in REGISTRY.outlets for domain in outlet.domains)
    assert max(domains.values()) == 1
    languages = Counter(outlet.language for outlet in REGISTRY.outlets)
    assert languages["zh"] > 120
    assert languages["en"] > 120
    kinds = [
        "agency",
        "newspaper",
        "broadcaster",
        "magazine",
        "portal",
        "aggregator",
        "trade",
        "state",
        "thinktank",
        "sample",
    ]
    for outlet in REGISTRY.outlets:
        assert outlet.kind in kinds
        assert len(outlet.country) == 2
        assert outlet.edition_of is None or outlet.edition_of in names
        assert all(domain == domain.casefold() and "." in domain for domain in outlet.domains)
    for sharers in REGISTRY._names.values():  # editions of one outlet may share a name, others never
        assert len({outlet.edition_of or outlet.name for outlet in sharers}) == 1
    samples = [outlet for outlet in REGISTRY.outlets if outlet.kind == "sample"]
    assert Counter(outlet.language for outlet in samples) == {"zh": 7, "en": 7}
    assert all(outlet.domains[0].endswith(".example") for outlet in samples)


@pytest.mark.parametrize(
    ("name", "url", "language"),
    [
        ("某某新闻", None, "zh"),
        ("Mou Mou Cai Jing", None, "zh"),
        ("ある新聞のページ", None, "ja"),
        ("Некая газета", None, "ru"),
        ("Unheard", "https://a.unheard.cn/x", "zh"),
        ("Unheard", "https://en.unheard.cn/x", "en"),
        ("Unheard", "https://unheard.com.hk", None),
        ("unheard.com.cn", None, "zh"),
        ("Unheard Herald", None, None),
        (None, None, None),
    ],
)
def test_language_of_unknown_outlets(name: str | None, url: str | None, language: str | None) -> None:
    assert guess_language(name, url) == language


@pytest.mark.parametrize(
    ("name", "expected"),
    [("He Xun", True), ("Mou Mou Cai Jing", True), ("The Sun", False), ("Fan Gang", False), ("Sohu", False),
     ("Le Monde", False), ("Long Wang", False), ("", False)],
)  # fmt: skip
def test_pinyin(name: str, expected: bool) -> None:
    assert is_pinyin(name) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-10-08 22:24", "2025-10-08T22:24"),
        ("2025-09-05T12:25:29", "2025-09-05T12:25:29"),
        ("2025-09-05T12:25:29.123Z", "2025-09-05T12:25:29+00:00"),
        ("2025-09-05T12:25:29+0800", "2025-09-05T12:25:29+08:00"),
        ("01.06.25 15:06 Uhr", "2025-06-01T15:06"),
        ("1.6.2025", "2025-06-01"),
        ("5. März 2025", "2025-03-05"),
        ("2025年10月8日", "2025-10-08"),
        ("2025年10月8日 下午3时05分", "2025-10-08T15:05"),
        ("２０２５年１０月８日", "2025-10-08"),
        ("2025.10.08", "2025-10-08"),
        ("2025/1/2", "2025-01-02"),
        ("Sept 5, 2025", "2025-09-05"),
        ("Sep. 5, 2025 at 3:04 p.m. ET", "2025-09-05T15:04"),
        ("Friday, September 5th, 2025", "2025-09-05"),
        ("5 September 2025", "2025-09-05"),
        ("Wed, 08 Oct 2025 14:00:00 GMT", "2025-10-08T14:00:00+00:00"),
        ("10/25/2025", "2025-10-25"),
        ("25/10/2025", "2025-10-25"),
        ("20251008", "2025-10-08"),
        (20251008, "2025-10-08"),
        ("20251008T101112", "2025-10-08T10:11:12"),
        (1759933440000, "2025-10-08T14:24:00+00:00"),
        ("03/04/2025", None),
        ("2025-13-40", None),
        ("3 hours ago", None),
        ("昨天 22:24", None),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (7, None),
    ],
)
def test_dates(value: object, expected: str | None) -> None:
    assert to_iso(value) == expected


def test_dates_are_found_in_lines() -> None:
    assert find_date("Paper2025-09-05 12:25:29【X】") == ("2025-09-05T12:25:29", 5, 24)
    assert find_date("at 2.693,00 JPY 44,00") is None


@given(st.text(max_size=60) | st.floats() | st.integers())
def test_no_date_raises(value: object) -> None:
    assert to_iso(value) is None or isinstance(to_iso(value), str)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("稀土 and U.S. exports 磋商会谈", "zh"),
        ("日本のニュースを読む", "ja"),
        ("한국 뉴스입니다", "ko"),
        ("The U.S. met 中国 officials in the capital on Monday to discuss trade and exports", "en"),
        (
            "Die Regierung sagte am Dienstag, die Gespräche über die Zölle sollen nicht weitergehen.",
            "de",
        ),
        ("123 !?", None),
        ("", None),
    ],
)
def test_languages(text: str, language: str | None) -> None:
    assert detect_language(text) == language


def test_language_codes() -> None:
    assert [language_code(name) for name in ("zh-Hans", "EN_us", "中文", "Chinese", "?")] == [
        "zh",
        "en",
        "zh",
        "zh",
        None,
    ]


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_can_always_be_written(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned.encode("utf-8").decode()
    assert clean_text(cleaned) == cleaned


def test_ids_stay_unique_while_the_table_grows() -> None:
    ids = IdRegistry()
    assert len({ids.unique(f"id{n % 3000}", f"file:{n}") for n in range(6000)}) == 6000
    assert ids.unique("id1", "file:1") == "id1@file:1"
    assert ids.unique("id1", "file:1") == "id1@file:1~2"
