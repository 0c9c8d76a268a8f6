from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystance.models.mentions import default_finder
from polystance.models.scripts import to_simplified


def found(text: str, published: str | None = None) -> list[str]:
    """Mentions as "CODE surface"."""
    mentions = default_finder().find(text, published)
    return [f"{m.target} {text[m.start : m.end]}" for m in mentions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Talks on U.S.-China trade resume.", "US U.S.|CN China"),
        ("A Sino-Russian pipeline", "CN Sino|RU Russian"),
        ("The US told us to wait.", "US US"),
        ("TRUMP TELLS US ALLIES TO PAY", "US TRUMP|US US"),
        ("Dutch and German firms fear the UAE and the UK.", "NL Dutch|DE German|AE UAE|GB UK"),
        ("The EU\u2019s envoy met the Kremlin spokesman.", "EU EU|RU Kremlin"),
        ("Turkey served as host while turkey was served.", "TR Turkey"),
        ("Turkey sandwiches cost more.", ""),
        ("She collects fine china from the 1800s.", ""),
        ("South Korea warned North Korea.", "KR South Korea|KP North Korea"),
        ("DPRK and ROK officers", "KP DPRK|KR ROK"),
        ("New Delhi rejected the charge in New York.", "IN New Delhi"),
        ("A carrier crossed the South China Sea.", ""),
        ("The South China Morning Post and China Daily reported it.", ""),
        ("It costs 30 million U.S. dollars.", ""),
        ("Farmers in Latin America and the West Bank", ""),
        ("The Indo-Pacific strategy", ""),
        ("The Washington Post and Washington state", ""),
        ("Signers of the Paris Agreement and the Beijing 2022 volunteers", ""),
        ("Voters in Georgia chose between the Republican and the Democrat; Atlanta decided.", ""),
        ("Georgia and Armenia share the Caucasus.", "GE Georgia|AM Armenia"),
        ("Michael Jordan retired.", ""),
        ("Jordan's king met Israeli aides.", "JO Jordan|IL Israeli"),
        ("Soviet tanks rolled in; post-Soviet borders moved.", "RU Soviet"),
        ("BEIJING, Sept 3 (Reuters) - Exports from Japan fell.", "JP Japan"),
        ("WASHINGTON (AP) \u2014 Lawmakers left.", ""),
        ("Traders met in Beijing on Monday.", ""),
        ("Beijing said it would answer.", "CN Beijing"),
        ("Officials in Beijing said little.", "CN Beijing"),
        ("Washington and Moscow are at odds.", "US Washington|RU Moscow"),
        ("Brussels wants more time.", "EU Brussels"),
        ("Indiana, Chinatown and Germanium", ""),
        ("European cities are old.", ""),
        ("The EU waited while European firms paid.", "EU EU|EU European"),
        ("BEIJING, 24 July - Nothing happened.", ""),
        ("African Americans and Native Americans", ""),
    ],
)  # fmt: skip
def test_english(text: str, expected: str) -> None:
    assert found(text) == [part for part in expected.split("|") if part]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("中美关系与美中贸易", "CN 中|US 美|US 美|CN 中"),
        ("俄乌冲突未停", "RU 俄|UA 乌"),
        ("对华关税与对美出口", "CN 华|US 美"),
        ("美方称美企不安，日媒跟进，俄军推进", "US 美|US 美|JP 日|RU 俄"),
        ("中方回应俄方", "CN 中方|RU 俄"),
        ("其中美国占一半", "US 美国"),
        ("发展中国家的美好愿望", ""),
        ("拉美各地的完美方案", ""),
        ("印象深刻的印刷品", ""),
        ("日前、今日、日益", ""),
        ("英雄遵守法律，德行高尚，中心加大投入", ""),
        ("加拿大加大投入", "CA 加拿大"),
        ("印度尼西亚不是印度", "ID 印度尼西亚|IN 印度"),
        ("印尼与印太战略", "ID 印尼"),
        ("苏丹、白俄罗斯与罗马尼亚", "SD 苏丹|BY 白俄罗斯|RO 罗马尼亚"),
        ("内蒙古与蒙古国", "MN 蒙古国"),
        ("北京时间八点，美国之音报道", ""),
        ("香港科技大学与香港", "HK 香港"),
        ("折合三亿美元", ""),
        ("代表团在北京会晤", ""),
        ("北京方面和白宫都没有回应", "CN 北京|US 白宫"),
        ("新华社北京9月3日电 记者获悉", ""),
        ("（华盛顿综合电）报告出炉", ""),
        ("9月15日新增病例", ""),
        ("五角大楼与解放军", "US 五角大楼|CN 解放军"),
        ("欧盟委员会与国台办", "EU 欧盟委员会|CN 国台办"),
        ("中、美、俄三国", "CN 中|US 美|RU 俄"),
        ("苏联出兵", "RU 苏联"),
        ("中美元首通话", "CN 中|US 美"),
        ("欧洲城市很美", ""),
        ("欧盟表态，欧洲企业观望", "EU 欧盟|EU 欧洲"),
        ("成员哈里斯·某某发言", ""),
        ("中华民国与中国国民党", "TW 中华民国"),
        ("以军事手段可以军改", ""),
    ],
)  # fmt: skip
def test_chinese(text: str, expected: str) -> None:
    assert found(text) == [part for part in expected.split("|") if part]


def test_offsets_in_traditional_text() -> None:
    text = "美國總統川普稱，烏克蘭與歐盟對華施壓"
    assert found(text, "2025-06-01") == ["US 美國", "US 川普", "UA 烏克蘭", "EU 歐盟", "CN 華"]


@pytest.mark.parametrize(
    ("text", "published", "expected"),
    [
        ("Trump spoke", "2019-05-01", "US Trump"),
        ("Trump spoke", "2023-05-01", ""),
        ("Trump spoke", "2025-01-02T08:00:00Z", "US Trump"),  # within the month of grace
        ("Trump spoke", None, "US Trump"),
        ("Trump spoke", "not a date", "US Trump"),
        ("石破茂讲话", "2025-09-01", "JP 石破茂"),
        ("石破茂讲话", "2026-02-01", ""),
        ("高市早苗讲话", "2025-11-10", "JP 高市早苗"),
        ("普丁与泽伦斯基", "2025-08-15", "RU 普丁|UA 泽伦斯基"),
        ("Johnson resigned", "2021-01-01", ""),
        ("Boris Johnson came. Johnson left.", "2021-01-01", "GB Boris Johnson|GB Johnson"),
    ],
)
def test_offices_by_date(text: str, published: str | None, expected: str) -> None:
    assert found(text, published) == [part for part in expected.split("|") if part]


_PIECES = st.sampled_from(
    ["美", "中", "国", "日", "俄方", "、", "U.S.", "US", "-", "China", "北京", "İ", "\ud800", "\0"]
)


@given(st.one_of(st.text(st.characters()), st.lists(_PIECES).map("".join)))
def test_any_text_gives_sound_offsets(text: str) -> None:
    mentions = default_finder().find(text)
    assert mentions == sorted(mentions, key=lambda m: m.start)
    ends: dict[str, int] = {}
    for mention in mentions:
        assert 0 <= mention.start < mention.end <= len(text)
        assert mention.start >= ends.get(mention.target, 0)
        ends[mention.target] = mention.end


@given(st.text(st.characters()))
def test_simplifying_keeps_the_length(text: str) -> None:
    assert len(to_simplified(text)) == len(text)


def test_simplifying() -> None:
    assert to_simplified("臺灣與烏克蘭衞星裡的著名說法") == "台湾与乌克兰卫星里的著名说法"
    assert to_simplified("著名的么么抬头 ok\0") == "著名的么么抬头 ok\0"
