from __future__ import annotations

import pytest

from polystance.errors import TargetError
from polystance.models.targets import country_codes, is_country, parse_targets, target_name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("US", "US"), ("us", "US"), (" cn ", "CN"), ("eu", "EU"), ("UK", "GB"), ("uk", "GB"), ("XK", "XK"),
        ("United States", "US"), ("united states", "US"), ("美国", "US"), ("美國", "US"), ("欧盟", "EU"),
        ("European Union", "EU"), ("Turkey", "TR"), ("Türkiye", "TR"), ("Burma", "MM"), ("香港", "HK"),
        ("U.S.", "US"), ("South Korea", "KR"), ("北韓", "KP"),
        ("rare  earth\nexport controls", "rare earth export controls"), ("稀土", "稀土"), ("5G", "5G"),
    ],
)  # fmt: skip
def test_parse(given: str, expected: str) -> None:
    assert parse_targets([given]) == (expected,)


def test_parse_keeps_order_and_drops_repeats() -> None:
    assert parse_targets(["RU", "us", "Russia", "US"]) == ("RU", "US")
    assert parse_targets([]) == ()


@pytest.mark.parametrize("given", ["XX", "ZZ", "UN", "EZ", "QO", "qq", "", "  ", "x" * 201])
def test_parse_refuses(given: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_targets([given])
    assert "llowed" in str(caught.value)


def test_messages_say_what_was_given_and_what_next() -> None:
    with pytest.raises(TargetError, match=r"'UR'.*RU \(Russia\)"):
        parse_targets(["UR"])
    with pytest.raises(TargetError, match=r"\['US'\]"):
        parse_targets("US")
    with pytest.raises(TargetError, match="not text"):
        parse_targets([7])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        ("US", "United States", "美国"), ("CN", "China", "中国"), ("HK", "Hong Kong", "香港"),
        ("TW", "Taiwan", "台湾"), ("EU", "European Union", "欧盟"), ("RU", "Russia", "俄罗斯"),
        ("MM", "Myanmar", "缅甸"), ("export controls", "export controls", "export controls"),
    ],
)  # fmt: skip
def test_names(code: str, en: str, zh: str) -> None:
    assert target_name(code, "en") == en
    assert target_name(code, "zh") == zh
    assert target_name(code, "zh-TW") == zh


def test_codes() -> None:
    assert len(country_codes()) == 251  # ISO 3166-1 has 249; with EU and XK
    assert is_country("EU")
    assert not is_country("ZZ")
    assert not is_country("us")
    assert all(parse_targets([code]) == (code,) for code in country_codes())
    assert all(target_name(code, "zh") != code for code in country_codes())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_name_leads_back_to_its_code(language: str) -> None:
    names = [target_name(code, language) for code in sorted(country_codes())]
    assert parse_targets(names) == tuple(sorted(country_codes()))
