"""The model card of a checkpoint: `README.md` and `.eval_results/`, from the files in its folder alone.

    polystance.json  config.json  model.safetensors  tokenizer.json   what it is
    results/NAME.json         a `DatasetEvaluation`, one per data set
    results/training.json     how it was trained, and on what
    results/articles.json, robustness.json, speed.json, emissions.json   where there are such
    results/description.json  what no run can know: `Description`

No figure stands in the template. A part without a file is left out, or says that it isn't known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jinja2
import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml
from safetensors import safe_open

import polystance
from polystance.errors import UsageError
from polystance.models.checkpoint import DEFAULT, load_checkpoint, resolve
from polystance.models.labels import FRAMES, STANCES, TONES
from polystance.training.results import FOLDER

CARD: Final = "README.md"
EVAL_RESULTS: Final = ".eval_results"
# Of the checkpoint's class, so that the hub's own example of use loads it. Its widget can't mark targets.
_PIPELINE: Final = "token-classification"
_TAGS: Final = ("polystance", "stance-detection", "sentiment-analysis", "framing", "news")
_ORDER: Final = ("country-news",)  # first among the evaluations; the rest by name
_FEWEST: Final = 5  # labels in a bin of the reliability diagram


@dataclass(frozen=True)
class Description:
    """What the makers of a checkpoint say of it; every part may be left out.

    Attributes:
        license: Of the weights: an SPDX identifier in lower case, as the hub has them.
        base_model: Hub id of what it was trained from.
        languages: Two-letter codes.
        summary: What it is, in a sentence or two.
        annotation: How its labels were made, by whom or what.
        agreement: Rows of `what, kappa, rows` of labels made twice.
        limits: Where it should not be trusted: period, outlets, registers, ...
        hub_datasets: Hub id of a data set by its name in the results, where it is there under one.
        citation: BibTeX.
    """

    license: str | None = None
    base_model: str | None = None
    languages: Sequence[str] = ()
    summary: str = ""
    annotation: str = ""
    agreement: Sequence[Mapping[str, Any]] = ()
    limits: Sequence[str] = ()
    hub_datasets: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""


def write_card(folder: Path) -> Path:
    """Write the card of a checkpoint into its folder; the path of it.

    `.eval_results/` gets a file for each evaluation whose data set is on the hub.

    Raises:
        CheckpointError: The folder holds no checkpoint.
        UsageError: It has no results of an evaluation, or a file of them is damaged or another checkpoint's.
    """
    facts = Facts(folder)
    path = folder / CARD
    path.write_text(facts.card(), encoding="utf-8")
    for before in (folder / EVAL_RESULTS).glob("*.yaml"):
        before.unlink()
    for name, text in facts.eval_results().items():
        (folder / EVAL_RESULTS).mkdir(exist_ok=True)
        (folder / EVAL_RESULTS / f"{name}.yaml").write_text(text, encoding="utf-8")
    return path


def render_card(folder: Path) -> str:
    """The text of the card; raises what `write_card` does."""
    return Facts(folder).card()


class Facts:
    """What the files of a checkpoint say."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint = load_checkpoint(folder)
        self.folder = self.checkpoint.path
        self.results = dict(_read_results(self.folder / FOLDER))
        digest = self.checkpoint.digest()
        measured = {n: r["checkpoint"] for n, r in self.results.items() if "checkpoint" in r}
        if others := sorted(name for name, of in measured.items() if of != digest):
            raise UsageError(
                f"{self.folder / FOLDER}: {', '.join(others)} of another checkpoint than the one that is "
                "there. Evaluate again, or delete these files."
            )
        scored = [name for name, result in self.results.items() if "dataset" in result and "stance" in result]
        self.evaluations = [self.results[n] for n in sorted(scored, key=lambda n: (n not in _ORDER, n))]
        if not self.evaluations:
            raise UsageError(
                f"{self.folder / FOLDER} has no scores, and a card without any is none. Run "
                f"`polystance evaluate {folder} --data DATA -o {self.folder / FOLDER}/NAME.json` first."
            )
        self.description = self._description()

    def _description(self) -> Description:
        given = self.results.get("description", {})
        known = [f.name for f in fields(Description)]
        if unknown := sorted(set(given) - set(known)):
            raise UsageError(
                f"{self.folder / FOLDER}/description.json: unknown {', '.join(unknown)}. "
                f"Allowed: {', '.join(known)}."
            )
        recipe = self.results.get("training", {}).get("recipe", {})
        languages = sorted({lang for row in self.data for lang in row["languages"]})
        return Description(**{"base_model": _base(recipe), "languages": languages, **given})

    @property
    def data(self) -> list[dict[str, Any]]:
        """The data sets it was trained on."""
        found: list[dict[str, Any]] = self.results.get("training", {}).get("data", [])
        return found

    def card(self) -> str:
        environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
        )
        environment.filters |= {"score": _score, "hundred": _hundred, "cell": _cell, "words": _words}
        template = files("polystance.training") / "templates" / "card.md.j2"
        body = environment.from_string(template.read_text(encoding="utf-8")).render(
            name=self.checkpoint.settings.name,
            settings=self.checkpoint.settings,
            about=self.description,
            evaluations=self.evaluations,
            results=self.results,
            data=self.data,
            model=self._model(),
            labels={"stance": STANCES, "tone": TONES, "frames": FRAMES},
            digest=self.checkpoint.digest(),
            version=polystance.__version__,
            fewest=_FEWEST,
        )
        return f"---\n{self.metadata().to_yaml()}\n---\n\n{body}"

    def metadata(self) -> ModelCardData:
        about = self.description
        return ModelCardData(
            license=about.license,
            language=list(about.languages) or None,
            tags=list(_TAGS),
            library_name="transformers",
            base_model=about.base_model,
            datasets=sorted(
                {about.hub_datasets[d["name"]] for d in self.data if d["name"] in about.hub_datasets}
            )
            or None,
            pipeline_tag=_PIPELINE,
            model_name=self.checkpoint.settings.name,
            eval_results=[row for result in self.evaluations for row in self._rows(result)],
        )

    def _rows(self, result: Mapping[str, Any]) -> Iterator[EvalResult]:
        """Of one evaluation, the scores that are in the hub's index of models."""
        own = next(iter(result["stance"].values()), None)
        scores = (
            ("stance macro-F1", "f1", own["macro_f1"] if own else {}),
            ("tone macro-F1", "f1", result["tone"]),
            ("frames micro-F1", "f1", result["frames"]),
            ("calibration error of the stances", "ece", own["calibration_error"] if own else {}),
        )
        for name, kind, by_slice in scores:
            for part, score in by_slice.items():
                if part != "all" and len(by_slice) == 2:  # one language: the same again
                    continue
                yield EvalResult(
                    task_type="text-classification",
                    task_name="stance, tone and frames of news",
                    dataset_type=self.description.hub_datasets.get(result["dataset"], result["dataset"]),
                    dataset_name=result["dataset"],
                    dataset_split=result["split"],
                    metric_type=kind,
                    metric_name=name if part == "all" else f"{name}, {part}",
                    metric_value=round(score["value"] if isinstance(score, dict) else score, 4),
                )

    def eval_results(self) -> dict[str, str]:
        """YAML files for `.eval_results/`, by name: evaluations on data sets that the hub has."""
        found = {}
        for result in self.evaluations:
            hub = self.description.hub_datasets.get(result["dataset"])
            own = next(iter(result["stance"].values()), None)
            if hub is None or own is None:
                continue
            score = own["macro_f1"]["all"]
            entry = EvalResultEntry(
                dataset_id=hub,
                task_id="stance",
                value=round(100 * score["value"], 1),
                notes=f"macro-F1 on {result['split']}, {own['rows']} labels, 95% interval "
                f"{100 * score['low']:.1f} to {100 * score['high']:.1f}; texts of the train split left out: "
                f"{result['overlap']}; by polystance {polystance.__version__}",
            )
            rows = eval_result_entries_to_yaml([entry])
            found[result["dataset"]] = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)
        return found

    def _model(self) -> dict[str, Any]:
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        weights = self.folder / "model.safetensors"
        with safe_open(weights, framework="numpy") as tensors:
            shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118 - no mapping
        sizes = [_product(shape) for shape in shapes]
        return {
            "architecture": type(self.checkpoint.model).__name__,
            "layers": config["num_hidden_layers"],
            "width": config["hidden_size"],
            "vocabulary": config["vocab_size"],
            "parameters": sum(sizes),
            "megabytes": weights.stat().st_size / 1e6,
        }


def _base(recipe: Mapping[str, Any]) -> str | None:
    """Hub id of what a recipe starts from; None if that is not on the hub."""
    start = recipe.get("encoder")
    if start == DEFAULT:  # which ships here instead: what that was trained from
        shipped = resolve() / FOLDER / "description.json"
        return str(json.loads(shipped.read_text(encoding="utf-8"))["base_model"])
    return start if start and "/" in start else None


def _read_results(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield path.stem, json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}. Delete it, or evaluate again.") from error


def _product(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _hundred(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f}"


def _score(score: Mapping[str, float] | None) -> str:
    """73.2 (67 to 79)."""
    return (
        f"{_hundred(score['value'])} ({100 * score['low']:.0f} to {100 * score['high']:.0f})" if score else ""
    )


def _cell(text: str) -> str:
    """A text in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _words(name: str) -> str:
    return name.replace("_", " ")
