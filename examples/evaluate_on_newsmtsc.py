"""Score a checkpoint on NewsMTSC as its makers publish it, and save the figures.

    python examples/evaluate_on_newsmtsc.py devtest_rw.jsonl [CHECKPOINT]

The file is in the archive of https://github.com/fhamborg/NewsMTSC. Files of C-STANCE and x-stance are read in
the same way: what form a file has is told by its keys.
"""

import json
import sys
from pathlib import Path

from rich.console import Console

from polystance import evaluate, load_examples


def main(path: str, model: str = "polystance-mini") -> None:
    examples = load_examples(path)
    labels = sum(len(example.stances) for example in examples)
    print(f"{len(examples)} sentences, {labels} labels")

    # A checkpoint takes any text as a target, here names of people. The marked mentions are used.
    result = evaluate(model, examples)
    console = Console()
    console.print(result.table(model))
    console.print(result.reliability_table())

    out = Path("newsmtsc.json")
    out.write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
