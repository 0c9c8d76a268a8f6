"""What the words around a name say about it: a mere place, a dateline, the US state of Georgia.

Patterns read at most a few dozen characters on either side, so that the cost stays flat in the length
of the text. All of them expect text in simplified Chinese with straight apostrophes.
"""

from __future__ import annotations

import bisect
import re
from functools import cached_property
from typing import Final

_REACH: Final = 48  # characters looked at on either side

_PLACE_BEFORE: Final = re.compile(
    r"(?:\b(?:in|In|near|around|outside|to visit|visits?|visited|visiting|arrived? (?:in|at)|left|leaves"
    r"|leaving"
    r"|downtown|central|across|through|via|at|flew to|fly(?:ing)? to|travel(?:s|ed|led|ing)? to|trips? to"
    r"|visits? to|went to|go(?:es|ing)? to|return(?:s|ed|ing)? (?:to|from)|came? (?:to|from)|back (?:in"
    r"|to|from)"
    r"|flights? (?:to|from)|mayor of|city of|streets of|outskirts of|suburb of|university of|University of"
    r"|embassy in|Embassy in|summit in|embassies in|born in|live[sd]? in|heading to|headed to|arriv(?:es"
    r"|ing) in"
    r"|(?:north|south|east|west|miles|kilometers|km) (?:of|from)) (?:the )?)$"
)
# "officials in Beijing" are the government, wherever they sit.
_PEOPLE_IN: Final = re.compile(
    r"(?i)\b(?:officials?|hawks|policy-?makers|leaders?|leadership|government|regime|rulers?|authorities"
    r"|lawmakers"
    r"|planners|politicians|elites?|administration|power|consensus|hardliners|masters|allies|friends"
    r"|communists"
    r"|bureaucrats|strategists|establishment|alarm|anger|fury|unease|nerves|anxiety|concerns?|patrons?"
    r"|backers"
    r"|somebody|someone|anybody|anyone|nobody|no one|people|voices|decision-makers|capitals?|partners?"
    r"|gridlock|paralysis|mood|debate|dysfunction|fears?|those|everyone)"
    r" (?:back )?in $"
)
_PLACE_AFTER: Final = re.compile(
    r"(?:,? D\.?C|(?:,| in)? (?:Idaho|Texas|Ontario|England|France|Germany|Japan|China|Russia|Kentucky)\b"
    r"|(?:'s)? (?:[Aa]irports?|[Oo]lympics?|20[0-3]\d|[Uu]niversity|[Ss]ummit|[Gg]ames|[Tt]ime\b"
    r"|[Ss]ubway|[Mm]etro\b"
    r"|[Ss]treets?|[Ss]uburbs?|[Mm]ayor|[Cc]ity|[Rr]estaurants?|[Hh]otels?|[Rr]esidents?|[Bb]ureau"
    r"|[Cc]orrespondent"
    r"|[Dd]eclaration|[Cc]onvention|[Aa]greements?|[Aa]ccords?|[Pp]rotocols?|[Tt]reaty|[Ss]tock"
    r"|[Ii]nstitute|[Cc]ourt"
    r"|[Nn]ewsroom|[Aa]rea|[Rr]egion\b|[Dd]istrict|[Ss]quare|[Pp]olice|[Hh]ospital|[Ff]orum|[Ss]chool"
    r"|[Tt]heat"
    r"|Forbidden|Tiananmen|Great Hall|Red Square|Marathon|Fashion|Conference|Museum|Opera)|-(?:based|area"
    r"|born))"
)
_ACTS_AFTER: Final = re.compile(
    r"(?:'s?)? (?:has|have|had|is|was|are|were|will|would|could|should|may|might|can|must|says?|said"
    r"|sa(?:w|ys)"
    r"|wants?|wanted|agreed|agrees|called|calls|urge[sd]?|warn(?:s|ed)?|accuse[sd]?|den(?:y|ies|ied)"
    r"|insist(?:s|ed)?|reject(?:s|ed)?|refuse[sd]?|announce[sd]?|imposed?|seeks?|sought|also|does|did"
    r"|hopes?|fears?"
    r"|government|officials?|policy|authorities|policymakers|sources|needs?|remains?|claim(?:s|ed)?"
    r"|consider(?:s|ed)?"
    r"|view(?:s|ed)?|supports?|supported|backs?|backed|blames?|blamed|sends?|sent|signed|signs|took|takes"
    r"|tries|tried"
    r"|summoned|expelled|plans?|appears?|seems?|knows?|believes?|responded|retaliated|argues?|argued"
    r"|to \w+)\b"
)
_GOVERNMENT_BEFORE: Final = re.compile(
    r"\b(?:between|with|against|pressed?|pressures?|pressured|pressing|urged?|urging|warn(?:ed|s|ing)?"
    r"|tells?|told"
    r"|push(?:ed|es)?|by|accused?|accuses|accusing|blam(?:e|es|ed|ing)|relations|ties|pressure on"
    r"|tensions? with"
    r"|support for|from|toward|towards|[Ww]hile|[Bb]oth|for|and|of) $"
)
_AGENCY: Final = r"(?:\([A-Za-z0-9 /.,&'-]{2,30}\)|\[[A-Za-z ]{2,20}\])"
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_PLACES: Final = r"[A-Z][A-Za-z.' -]{2,24}(?:(?:, ?| ?/ ?| and )[A-Z][A-Za-z.' ]{1,24}){0,3}"
_DATELINE_EN: Final = re.compile(
    rf"^[ \t\"“*_]*(?:"
    rf"{_PLACES},? (?:{_MONTH} \d{{1,2}}|\d{{1,2}} {_MONTH})(?:, \d{{4}})?,? ?{_AGENCY}? ?[-–—:]"
    rf"|{_PLACES},? ?{_AGENCY} ?[-–—:]*"
    rf"|[A-Z]{{3,}}(?:[ /][A-Z]{{3,}})*(?:, [A-Z][A-Za-z.' ]{{1,20}}?)? ?(?:—|–|--| - )"
    rf")",
    re.MULTILINE,
)
_DATELINE_ZH: Final = re.compile(
    r"(?:新华社|新华网|中新社|中新网|本报|中央社|法新社|路透社|美联社|韩联社|央视网|人民网|环球网|记者)[^，。！？\n]{0,14}?"
    r"(?:\d{1,2}月)?\d{1,2}日?(?:专?电|讯|综合)"
    r"|[（(【\[〔][^）)】\]〕\n]{0,24}(?:电|讯|综合|综合报道)[）)】\]〕]"
)
_PLACE_BEFORE_ZH: Final = re.compile(
    r"(?:[在赴抵飞离至由往住到返]|抵达|前往|来到|飞抵|飞往|到访|访问|离开|位于|回到|身处|途经|走进|返回|首都|来自|设在|去|驻|从|(?<![至对由关等])于)$"
)
_PLACE_AFTER_ZH: Final = re.compile(
    r"(?:市|两天|时间|举行|会谈|会晤|会见|召开|机场|大学|冬奥|奥运|首都|站|人大会堂|人民大会堂|日报|晚报|卫视|街头|郊区|居民"
    r"|地区|城区|市民|南站|西站|飞|之行|峰会|论坛|出席|电|讯|地铁|胡同|故宫|协议|协定|条约|宣言|共识|进程|红场|广场|出发"
    r"|和谈|拍摄|报道|记者|分社|总部|开幕|闭幕|开会|签署|钓鱼台|当地|近郊|东部|西部|北部|南部|上空|医院|法院|警方|检方"
    r"|[一二三四五六七八九十\d]+[日月号])"
)
_ACTS_ZH: Final = re.compile(r"(?:方面|当局|政府|看来|眼中|眼里|高层|的(?:立场|态度|政策|决定|做法|反应))")

_GEORGIA_STATE: Final = re.compile(
    r"Atlanta|Savannah|Augusta|Kemp|Raffensperger|Abrams|Ossoff|Warnock|Loeffler|Perdue|Florida|Alabama"
    r"|Carolina"
    r"|Tennessee|Arizona|Michigan|Wisconsin|Pennsylvania|Nevada|Texas|Virginia|Republican|Democrat|GOP|Fulton"
    r"|[Rr]unoff|Congress|Ahmaud|Sen\.|Rep\.|Marjorie|Gingrich|Stacey|[Bb]allots?|[Cc]ounty|peach|Kia|Hyundai"
)
_GEORGIA_COUNTRY: Final = re.compile(
    r"Tbilisi|Caucasus|Abkhazia|Ossetia|Saakashvili|Armenia|Azerbaijan|Moldova|Ukrain|NATO|Soviet|Russia"
    r"|Georgian"
    r"|Kobakhidze|Ivanishvili|Zourabichvili|Black Sea|Moscow|Euro-Atlantic|Eastern Partnership|Batumi"
    r"|Margvelashvili"
)
_PERSON_BEFORE: Final = re.compile(
    r"\b(?:Jim|Michael|Vernon|Barbara|Eddie|Robert|Jon|Rep\.|Mr\.|Ms\.|Mrs\.|Dr\.|Congressman|Chairman"
    r"|Coach|David"
    r"|Hamilton|Sen\.|Judge|Montell|DeAndre|Brian) $"
)
_PERSON_IN_TEXT: Final = re.compile(r"\b(?:Jim|Michael|Vernon|Eddie|Hamilton|Rep\.|Barbara) Jordan\b")
_SURNAME_AFTER: Final = re.compile(
    r" (?!River|Valley|King|Prime|Foreign|Embassy|Syria|Israel|Egypt)[A-Z][a-z]+(?:[,)]| said| told|'s)"
)
_BIRD_AFTER: Final = re.compile(
    r" (?:Day\b|sandwich|breast|dinner|farm|prices|meat|hunt|burger|bacon|carcass|leg|feather|producers"
    r"|growers|flock)"
)


class PlaceFilter:
    """Tells the mentions of one text from the places, datelines and namesakes in it.

    Args:
        text: The whole text, tidied as the module says.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def rejects(self, target: str, kind: str, start: int, end: int) -> bool:
        """Whether `text[start:end]`, found as a name of `target`, is no mention after all."""
        text = self._text
        if self.in_dateline(start):
            return True
        surface = text[start:end]
        if text[end : end + 1] == "·":  # 哈里斯·X is somebody of that given name
            return True
        if kind in ("capital", "city"):
            if not surface[0].isascii():
                return self._place_zh(start, end)
            return self._place_en(start, end, kind)
        check = _NAMESAKES.get(surface.title())
        return check is not None and check(self, start, end)

    def in_dateline(self, at: int) -> bool:
        """Whether a character belongs to a dateline or wire mark."""
        lines = self._datelines
        place = bisect.bisect_right(lines, (at, len(self._text) + 1)) - 1
        return place >= 0 and at < lines[place][1]

    @cached_property
    def _datelines(self) -> list[tuple[int, int]]:
        """Start and end of each dateline, sorted."""
        return sorted(
            m.span() for pattern in (_DATELINE_EN, _DATELINE_ZH) for m in pattern.finditer(self._text)
        )

    def _place_en(self, start: int, end: int, kind: str) -> bool:
        before, after = self._text[max(0, start - _REACH) : start], self._text[end : end + _REACH]
        if _PLACE_AFTER.match(after):
            return True
        if _PEOPLE_IN.search(before):
            return False
        if _PLACE_BEFORE.search(before):
            return True
        if kind == "capital":
            return False
        return not (_ACTS_AFTER.match(after) or _GOVERNMENT_BEFORE.search(before) or after.startswith("'s "))

    def _place_zh(self, start: int, end: int) -> bool:
        before, after = self._text[max(0, start - 4) : start], self._text[end : end + 8]
        if _ACTS_ZH.match(after):
            return False
        return bool(_PLACE_BEFORE_ZH.search(before) or _PLACE_AFTER_ZH.match(after))

    def _georgia(self, start: int, end: int) -> bool:
        around = self._text[max(0, start - 600) : end + 600]
        return len(_GEORGIA_STATE.findall(around)) > len(_GEORGIA_COUNTRY.findall(around))

    def _jordan(self, start: int, end: int) -> bool:
        before, after = self._text[max(0, start - _REACH) : start], self._text[end : end + _REACH]
        if _PERSON_BEFORE.search(before) or _SURNAME_AFTER.match(after):
            return True
        return bool(_PERSON_IN_TEXT.search(self._text)) and "Amman" not in self._text

    def _turkey(self, start: int, end: int) -> bool:
        return bool(_BIRD_AFTER.match(self._text[end : end + _REACH]))


_NAMESAKES: Final = {
    "Georgia": PlaceFilter._georgia,
    "Jordan": PlaceFilter._jordan,
    "Chad": PlaceFilter._jordan,
    "Turkey": PlaceFilter._turkey,
}
