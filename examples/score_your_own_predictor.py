"""Score any predictor against the checkpoint that ships, on the sample corpus.

    python examples/score_your_own_predictor.py

Here it is a small lexicon; a zero-shot model or a call to a service is wrapped the same way: a function that
gets examples and gives for each a mapping from target to stance, or to a probability for each stance.
"""

import re
from collections.abc import Sequence

from rich.console import Console

from polystance import Example, compare_predictors, evaluate, load_examples

GOOD = "praise|welcom|support|thank|agree|success|benefit|赞扬|欢迎|支持|感谢|合作|成功|共赢"
BAD = "accus|condemn|threat|bully|violat|coerc|sanction|指责|谴责|威胁|霸凌|违反|胁迫|制裁"
AROUND = 60  # characters to each side of a mention


def lexicon(examples: Sequence[Example]) -> list[dict[str, str]]:
    """More good words than bad ones around a target's mentions: favor."""
    predictions = []
    for example in examples:
        stances = {}
        for target in example.stances:
            spans = [(m.start, m.end) for m in example.text_mentions if m.target == target]
            near = " ".join(example.text[max(0, start - AROUND) : end + AROUND] for start, end in spans)
            balance = len(re.findall(GOOD, near, re.I)) - len(re.findall(BAD, near, re.I))
            stances[target] = "favor" if balance > 0 else "against" if balance < 0 else "neutral"
        predictions.append(stances)
    return predictions


def main() -> None:
    examples = load_examples("seeds")  # or a file, or a folder of data sets: docs/evaluation.md
    console = Console()

    # The lexicon gives labels without probabilities, so there is no calibration to score.
    alone = evaluate(lexicon, examples)
    console.print(alone.table("lexicon"))

    # Is the checkpoint better, or was it luck? A paired bootstrap over documents tells.
    comparison = compare_predictors(
        "polystance-mini", lexicon, examples, names=("polystance-mini", "lexicon")
    )
    console.print(comparison.table())
    difference = comparison.macro_f1["all"]
    print(f"difference {100 * difference.value:+.1f}, p = {difference.p:.3f}")


if __name__ == "__main__":
    main()
