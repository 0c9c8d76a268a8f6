"""Run the stance pipeline over a column of a data set, and write JSON Lines.

    python examples/pipeline_over_a_dataset.py stances.jsonl [ARTICLES.jsonl [COLUMN]]

Without articles it takes some of the sample corpus.
"""

import json
import sys
from pathlib import Path

from datasets import Dataset, load_dataset
from transformers.pipelines.pt_utils import KeyDataset

from polystance import load_examples, stance_pipeline


def main(out: str, articles: str | None = None, column: str = "text") -> None:
    if articles:
        dataset = load_dataset("json", data_files=articles, split="train")
    else:
        dataset = Dataset.from_list([{"id": e.id, "text": e.text} for e in load_examples("seeds")[:8]])

    # One pass labels every country that a text names; `targets=["US", "CN"]` would ask for these two.
    pipe = stance_pipeline(batch_size=64)

    # As with pipelines of transformers, a data set gives an iterator: texts are read as they are needed.
    with Path(out).open("w", encoding="utf-8") as stream:
        for row, stances in zip(dataset, pipe(KeyDataset(dataset, column)), strict=True):
            record = {"id": row.get("id"), "stances": stances}
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")

    # Every label with its probability, for one text:
    for score in pipe("Beijing thanked Moscow for its support.", targets=["CN", "RU"], top_k=3):
        print(score["target"], score["label"], round(score["score"], 2))


if __name__ == "__main__":
    main(*sys.argv[1:])
