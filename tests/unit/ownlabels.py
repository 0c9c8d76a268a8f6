"""Labels such as a user would bring, made of sentences that vary enough not to repeat each other."""

from __future__ import annotations

import random

_COUNTRIES = {"en": ("Japan", "Brazil", "Kenya", "Poland"), "zh": ("日本", "巴西", "肯尼亚", "波兰")}
_OPENINGS = {
    "en": ("In a report on {topic}, ", "Asked about {topic}, readers wrote that ", "Our column on {topic}: "),
    "zh": ("谈到{topic}，", "本报关于{topic}的报道说，", "读者来信论及{topic}，"),
}
_TOPICS = {
    "en": (
        "harbour fees",
        "the rail link",
        "school exchanges",
        "fishing rights",
        "solar parks",
        "visa rules",
    ),
    "zh": ("港口收费", "铁路项目", "学校交流", "渔业权利", "光伏园区", "签证规定"),
}
_WORDS = {
    ("en", "favor"): ("a reliable partner", "generous and fair", "admirably prepared", "worthy of praise"),
    ("en", "neutral"): ("due to answer in May", "one of nine members", "holding a meeting", "sending a list"),
    ("en", "against"): ("a bully at the table", "breaking its word again", "reckless", "shamefully late"),
    ("zh", "favor"): ("值得信赖", "慷慨公正", "准备充分令人钦佩", "赢得一致赞誉"),
    ("zh", "neutral"): ("将于五月答复", "是九个成员之一", "正在开会", "已递交名单"),
    ("zh", "against"): ("一再食言", "恃强凌弱", "极不负责", "令人不齿"),
}
_ENDINGS = {
    "en": (
        "The talks took {n} days.",
        "Ticket {n} was drawn.",
        "Some {n} guests came.",
        "Page {n} has a map.",
    ),
    "zh": ("会谈持续了{n}天。", "约有{n}人到场。", "全文共{n}页。", "此事已过去{n}年。"),
}


def rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows `text, target, stance`, half of them Chinese, a third of each stance; no two of one text."""
    rng = random.Random(seed)
    made: dict[str, dict[str, str]] = {}
    while len(made) < count:
        language = ("en", "zh")[len(made) % 2]
        stance = ("favor", "neutral", "against")[len(made) // 2 % 3]
        country = rng.choice(_COUNTRIES[language])
        opening = rng.choice(_OPENINGS[language]).format(topic=rng.choice(_TOPICS[language]))
        verb = " is " if language == "en" else ""
        said = f"{country}{verb}{rng.choice(_WORDS[language, stance])}"
        endings = [e.format(n=rng.randint(2, 99)) for e in rng.sample(_ENDINGS[language], 2)]
        stop, blank = (". ", " ") if language == "en" else ("。", "")
        text = opening + said + stop + blank.join(endings)
        made.setdefault(text, {"text": text, "target": country, "stance": stance})
    return list(made.values())
