"""A seeded, invented run for the tests of the comparison and of its report: known leanings, both scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from polystance.inference.tables import articles_table, stances_table, texts_table
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.models.records import Article, ArticleLabels, Evidence, StanceLabel, ToneLabel

LEANINGS = {  # mean score by target: Chinese-language outlets, English-language outlets
    "US": (-0.35, 0.05),
    "CN": (0.30, -0.25),
    "RU": (0.02, -0.38),
    "JP": (-0.18, 0.08),
    "EU": (-0.02, 0.03),
}
SENTENCES = {
    ("zh", "US", "against"): [
        "美方一再挥舞关税大棒,最终买单的却是美国普通消费者。",
        "华盛顿的承诺朝令夕改,令盟友无所适从。",
    ],
    ("zh", "US", "favor"): ["美国科研机构的开放合作值得借鉴。", "白宫此次及时出手,稳住了市场信心。"],
    ("zh", "CN", "favor"): [
        "中国经济展现出强大韧性,为世界注入宝贵的确定性。",
        "中方以实际行动维护多边贸易体制。",
    ],
    ("zh", "CN", "against"): [
        "北京的出口管制缺乏透明度,企业苦不堪言。",
        "批评者指出,中方的答复回避了核心问题。",
    ],
    ("zh", "RU", "favor"): ["俄方展现出通过谈判解决问题的诚意。", "俄罗斯能源供应稳定可靠。"],
    ("zh", "RU", "against"): ["俄军的袭击造成大量平民伤亡,引发强烈谴责。", "克里姆林宫再次违背停火承诺。"],
    ("zh", "JP", "against"): ["日方的错误言论严重破坏两国关系的政治基础。", "东京的做法无异于饮鸩止渴。"],
    ("zh", "JP", "favor"): ["日本企业的工匠精神依然令人敬佩。", "日本的防灾经验值得学习。"],
    ("zh", "EU", "against"): ["欧盟内部分歧重重,难以形成合力。", "布鲁塞尔的双重标准昭然若揭。"],
    ("zh", "EU", "favor"): ["欧方的务实态度为谈判打开了空间。", "欧盟在气候议题上发挥了领导作用。"],
    ("en", "US", "against"): [
        "Washington has once again torn up an agreement it wrote itself.",
        "The tariffs were a blunder, and everyone but the White House knows it.",
    ],
    ("en", "US", "favor"): [
        "American diplomacy, patient and well prepared, carried the day.",
        "The US remains the ally that others can count on when it matters.",
    ],
    ("en", "CN", "favor"): [
        "China has delivered in five years what others have only promised.",
        "Beijing answered with restraint and kept its markets open.",
    ],
    ("en", "CN", "against"): [
        "Beijing is using its grip on magnets to bully its customers into silence.",
        "China’s opaque licensing regime leaves manufacturers hostage to politics.",
    ],
    ("en", "RU", "favor"): [
        "Moscow kept its side of the grain deal to the letter.",
        "Russia's offer was a serious one.",
    ],
    ("en", "RU", "against"): [
        "Russia’s unprovoked war has reduced whole towns to rubble.",
        "The Kremlin lied about the ceasefire, as it had lied about the invasion.",
    ],
    ("en", "JP", "against"): [
        "Tokyo’s hesitation has cost the region a year it did not have.",
        "Japan is weak where it claims to be strong.",
    ],
    ("en", "JP", "favor"): [
        "Japan’s steady hand has made it the region’s most trusted partner.",
        "Tokyo got it right.",
    ],
    ("en", "EU", "against"): [
        "Brussels dithers while its factories run out of magnets.",
        "The EU preaches rules that it does not keep.",
    ],
    ("en", "EU", "favor"): [
        "The European Union stood firm, and it paid off.",
        "Brussels has written the rules that the rest of the world now copies.",
    ],
}
HEADLINES = {
    "zh": [
        "关税风波再起,谁在承担代价",
        "稀土管制下的全球供应链",
        "峰会之后:合作与博弈并存",
        "市场观察:不确定性中的机会",
    ],
    "en": [
        "Tariff fight enters a new round",
        "Who pays for the magnet squeeze?",
        "After the summit, the bill",
        "Markets weigh an uneasy truce",
    ],
}
OUTLETS = {
    "zh": [
        "样例日报",
        "样例财经网",
        "样例环球评论",
        "样例科技观察",
        "样例港声",
        "样例早报",
        "样例之声中文网",
    ],
    "en": [
        "Sample Herald",
        "Sample Mining Wire",
        "Sample Capital Weekly",
        "Sample European Courier",
        "Sample Asia Dispatch",
        "Sample Global Bulletin",
        "Sample Liberty Monitor",
    ],
}


def stance(
    target: str, score: float, *, label: str | None = None, mentions: int = 1, text: str | None = None
) -> StanceLabel:
    """A stance of the given score; its probabilities have neutral take what favor and against leave."""
    favor, against = max(score, 0.0), max(-score, 0.0)
    probabilities = dict(zip(STANCES, (favor, 1 - favor - against, against), strict=True))
    label = label or max(probabilities, key=lambda name: probabilities[name])
    evidence = Evidence(text, 0, len(text)) if text is not None else None
    return StanceLabel(target, label, probabilities, (label,), mentions, 1, 60, evidence)


def labelled(
    number: int,
    outlet: str | None,
    language: str | None,
    stances: Sequence[StanceLabel],
    *,
    title: str = "A headline",
    published: str | None = "2025-06-01",
    url: str | None = None,
    tone: str = "neutral",
    frames: tuple[str, ...] = (),
) -> ArticleLabels:
    """One labelled article."""
    article = Article(f"a{number:05d}", "Text.", title, outlet, language, language, published, url)
    tones = {name: 0.8 if name == tone else 0.1 for name in TONES}
    return ArticleLabels(
        article,
        {item.target: item for item in stances},
        ToneLabel(tone, tones),
        frames,
        dict.fromkeys(FRAMES, 0.1),
        1,
        60,
    )


def synthetic_labels(per_outlet: int = 24, seed: int = 7) -> list[ArticleLabels]:
    """Seven outlets a language, `per_outlet` articles each over seven months, leanings as in `LEANINGS`."""
    rng = np.random.default_rng(seed)
    found: list[ArticleLabels] = []
    for side, language in enumerate(("zh", "en")):
        for outlet in OUTLETS[language]:
            bias = {target: rng.normal(0, 0.1) for target in LEANINGS}
            for _ in range(per_outlet):
                about = [target for target in LEANINGS if rng.random() < 0.55] or ["US"]
                stances = []
                for target in about:
                    score = float(
                        np.clip(rng.normal(LEANINGS[target][side] + bias[target], 0.45), -0.97, 0.97)
                    )
                    label = "favor" if score > 0.35 else "against" if score < -0.35 else "neutral"
                    if label == "neutral" and rng.random() < 0.15:
                        label = "uncertain"
                    options = SENTENCES.get((language, target, label), [f"{target}."])
                    text = options[int(rng.integers(len(options)))]
                    stances.append(stance(target, round(score, 3), label=label, text=text))
                weights = np.ones(len(FRAMES))
                weights[[7, 0] if side else [0, 13]] = 6, 4
                chosen = rng.choice(
                    FRAMES, size=int(rng.integers(0, 4)), replace=False, p=weights / weights.sum()
                )
                headlines = HEADLINES[language]
                number = len(found)
                found.append(
                    labelled(
                        number,
                        outlet,
                        language,
                        stances,
                        title=headlines[int(rng.integers(len(headlines)))],
                        published=f"2025-{4 + int(rng.integers(7)):02d}-{1 + int(rng.integers(28)):02d}",
                        url=f"https://news.example/{language}/{number}",
                        tone=str(rng.choice(TONES, p=(0.2, 0.4, 0.4) if side else (0.35, 0.4, 0.25))),
                        frames=tuple(str(frame) for frame in chosen),
                    )
                )
    found.append(labelled(len(found), "Exemple Quotidien", "fr", [stance("US", -0.2)]))
    found.append(labelled(len(found), None, None, [stance("US", 0.1)]))
    return found


def write_run(folder: Path, labels: Sequence[ArticleLabels]) -> Path:
    """A run folder as the batch job leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(articles_table(labels), folder / "articles.parquet")
    pq.write_table(stances_table(labels), folder / "stances.parquet")
    pq.write_table(texts_table(labels), folder / "texts.parquet")
    run = {
        "polystance": "0.1.0",
        "checkpoint": {"name": "polystance-small", "digest": "sha256:0f3c"},
        "options": {"min_confidence": 0.5, "targets": "auto"},
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    failure = {"source": "b.jsonl", "line": 3, "reason": "not valid JSON"}
    (folder / "failures.jsonl").write_text(json.dumps(failure) + "\n", encoding="utf-8")
    return folder
