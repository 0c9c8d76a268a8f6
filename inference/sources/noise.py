"""What a saved page holds besides its article, and how it is taken off."""

from __future__ import annotations

import re

_NAVIGATION = re.compile(
    r"^\s*(?:your current location( is)?\b|you are here\b|home\s*[>»›/]|首页\s*[>»›/]|"
    r"当前位置|您的位置|您当前的位置|"
    r"(?:skip to (?:main )?content|menu|search|search documents|subscribe|sign in|log ?in|advertisement|"
    r"werbung|"
    r"anzeige|广告|登录|注册|share|print|back to top|返回顶部|字号|打印|收藏|分享|搜索|"
    r"aktien|werte in diesem artikel)\s*[:：]?\s*$)",
    re.IGNORECASE,
)
# A section that starts here is no part of the article; alone on its line but for punctuation and a count.
_SECTION = re.compile(
    r"^\W*(?:related (?:articles?|news|stories|posts|links|topics|reading)|popular (?:articles?|news|posts)|"
    r"most (?:read|popular|viewed)|recommended(?: for you| reading)?|you (?:may|might) also like|see also|"
    r"read more|"
    r"more (?:from|on|stories)\b.{0,40}|trending(?: now)?|editor'?s picks?|latest news|webmaster recommended|"
    r"comments?|leave a (?:comment|reply)|share this(?: article)?|"
    r"相关(?:阅读|文章|新闻|推荐|报道|链接)|相關(?:閱讀|文章|新聞|報導)|推荐阅读|推薦閱讀|延伸阅读|延伸閱讀|热门(?:文章|新闻|推荐)|"
    r"熱門(?:文章|新聞)|猜你喜欢|更多(?:新闻|文章|阅读)|网友评论|发表评论|最新评论|上一篇.{0,80}|下一篇.{0,80}|"
    r"meistgelesen|mehr zum thema|nachrichten zu .{1,80}|"
    r"ausgewählte hebelprodukte.{0,80})\W*(?:\(?\d+\)?)?\s*$",
    re.IGNORECASE,
)
# A paragraph that starts like this ends the article, whatever follows.
_LAST = re.compile(
    r"^\W*(?:risk warning and disclaimer|risk (?:warning|disclosure)\s*[:：]|"
    r"disclaimer\s*(?:[:：]|$)|免责声明|免責聲明|"
    r"风险提示|風險提示|风险及免责|版权声明|版權聲明|郑重声明|特别声明|"
    r"copyright\s*(?:©|\(c\)|\d)|©\s*\d|all rights reserved|"
    r"weiter zum vollständigen artikel|quelle\s*:\s*\S.{0,60}$|bildquellen?\s*:)",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"^\s*(?:very good!?\s*\(\d+\)|\d+\s*people have (?:watched|read).*|"
    r"(?:责任编辑|責任編輯|责编|编辑)\s*[:：].{0,30}|"
    r"[（(](?:责任编辑|编辑|責任編輯|责编)\s*[:：].{0,30}[)）]|werbung|anzeige|advertisement|广告|aktien|"
    r"werte in diesem artikel|(?:name)?hebelkoemittent|namehebelkoemittent|"
    r"(?:[\d.,]+\s+[A-Z]{3}\s+)?-?[\d.,]+\s+[A-Z]{3}\s+-?[\d.,]+\s*%|"
    r"(?:扫码|扫一扫|关注|點擊|点击).{0,30}(?:公众号|二维码|订阅)|阅读全文|展开全文)\s*$",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"\s*weiter zum vollständigen artikel bei\s+(?P<name>.{2,60}?)\s*$", re.IGNORECASE)
_QUOTED = re.compile(
    r"^\s*(?:Quelle|Originally published (?:by|at|on)|(?:本文)?转(?:载)?自|转载自)\s*[:：]?\s*(.{2,40}?)\s*$",
    re.I,
)
# The caption of a picture that was glued to the paragraph after it: "Infographic: Who mines whatFor decades".
_CAPTION = re.compile(
    r"\b(?:Infographic|Infografik|Chart|Grafik|Photo|Image)\s?:\s?[^.!?\n]{3,120}?[a-z)](?=[A-Z][a-z]+ )"
)
_GLUED = re.compile(
    r"(?:(?<=[a-z]{2}[.!?])|(?<=[A-Z]{2}[.!?])|(?<=[%”\"][.!?])|(?<=[.!?][”\"]))(?=[A-Z“\"]\w)|"
    r"(?<=\d\d[.!?])(?=[A-Z][a-z]* )"
)
# The last line of a page; weaker than "Quelle", as it may also stand under a table or chart.
_CREDIT = re.compile(r"^\s*(?:Source|来源|來源|稿源)\s*[:：]\s*(.{2,40}?)\s*$", re.IGNORECASE)
_TEASER = re.compile(r"^(?:Introduction|Summary|导语|摘要)\s*[:：]?\s*(?=\S)")
_TAIL = 300  # patterns see this much of a line, so that a line of megabytes costs no more than others
_LONG = 280  # a paragraph of this length after "related articles" is article again, not a link


def is_navigation(line: str) -> bool:
    """True for a line of the page's frame: where one is, menus, a search box."""
    return bool(_NAVIGATION.match(line[:_TAIL]))


def clean_body(text: str) -> str:
    """The article without related links, disclaimers, counters and credits; blank if nothing is left.

    A list of links is left out, and reading goes on if real paragraphs follow. What comes before the first
    paragraph is never taken for the end of the article.
    """
    kept: list[str] = []
    lines = [line.strip() for line in text.split("\n")]
    skipping = False
    for number, line in enumerate(lines):
        continues = _CONTINUES.search(line[-_TAIL:])
        if continues:
            line = line[: len(line) - len(continues[0])].rstrip()  # noqa: PLW2901
            if line:
                kept.append(line)
            break
        if kept and _LAST.match(line[:_TAIL]):
            break
        if not kept and is_navigation(line):
            continue
        if len(line) <= _TAIL and _SECTION.match(line) and (kept or number == 0):
            skipping = True
            continue
        if skipping and len(line) < _LONG:
            continue
        skipping = False
        if line and (len(line) > _TAIL or not _LINE.match(line)):
            kept.append(line)
    return "\n".join(kept)


def quoted_outlet(lines: list[str]) -> str | None:
    """The outlet that a portal page says it only quotes, None for a page of its own."""
    for line in reversed(lines):
        found = _CONTINUES.search(line[-_TAIL:])
        if found:
            return found["name"]
        match = _QUOTED.match(line[:_TAIL])
        if match:
            return match[1]
    return None


def without_credit(text: str) -> tuple[str, str | None]:
    """A body without credits ("本文转自：X", "Source: X") as first or last line, and the X of the last."""
    lines = text.split("\n")
    if len(lines) > 1 and len(lines[0]) <= _TAIL and _QUOTED.match(lines[0]):
        del lines[0]
    credit = _CREDIT.match(lines[-1]) if len(lines) > 1 and len(lines[-1]) <= _TAIL else None
    if credit:
        del lines[-1]
    return "\n".join(lines), credit[1] if credit else None


def glued_paragraphs(text: str) -> str:
    """Paragraphs that a portal ran together ("reported.According to") on their own lines, captions left out.

    Text in which fewer than three sentences are glued is left as it is: it may be a name.
    """
    bare = _CAPTION.sub("", text)
    breaks, quotes, last = [0], 0, 0
    for match in _GLUED.finditer(bare):
        at = match.start()
        quotes += bare.count('"', last, at)
        last = at
        # A straight quote does not say whether it opens or closes; the number of those before it does.
        if '"' not in bare[at - 1 : at + 1] or quotes % 2 == 0:
            breaks.append(at)
    if len(breaks) <= 3:
        return text
    return "\n".join(bare[start:end] for start, end in zip(breaks, [*breaks[1:], None], strict=True))


def without_teaser(lines: list[str]) -> list[str]:
    """A body without the search-engine teaser over it: "Introduction", keywords, the first sentence cut off.

    The same pages drop the first keyword into the first sentence. The teaser shows that sentence without it,
    so it is taken out again where the two then agree.
    """
    if len(lines) < 2:
        return lines
    match = _TEASER.match(lines[0])
    if not match:
        return lines
    teaser, first = lines[0][match.end() :], lines[1]
    at = teaser.find(first[:20])
    keyword = (teaser[:at] if at >= 0 else teaser).split(",")[0].strip()
    bare = first.replace(keyword, "", 1) if keyword else first
    if at < 0:  # the keyword is among the first words
        at = teaser.find(bare[:20])
    if at < 0 or (at == 0 and bare != first):
        return lines
    sentence = teaser[at:]
    if keyword and _same_start(bare, sentence) and not _same_start(first, sentence):
        first = bare
    return [first, *lines[2:]]


def _same_start(text: str, start: str) -> bool:
    """True if `text` begins with `start`, white space aside."""
    return "".join(text.split()).startswith("".join(start.split()))
