"""Fine-tuning an encoder on stance, tone and frames at once, with the transformers Trainer."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Sampler
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from polystance.models.encoding import WindowEncoder
from polystance.models.forward import length_multiple
from polystance.models.labels import FRAME_SLICE, STANCE_SLICE, STANCES, TONE_SLICE
from polystance.training.batches import IGNORE, ExampleDataset, collate
from polystance.training.examples import Example
from polystance.training.prediction import predict_windows
from polystance.training.scores import passage_scores
from polystance.training.soup import Weights, greedy_soup

log = logging.getLogger(__name__)
EVALUATED = "evaluated"  # folder of the weights and scores at each evaluation


@dataclass(frozen=True)
class FinetuningConfig:
    """Options of fine-tuning.

    Attributes:
        steps: Optimiser steps of `batch_size` texts.
        learning_rate: Peak of a linear schedule with warm-up over the first 6 percent of the steps.
        class_weights: Weight of each stance in the loss. News is mostly neutral; without weights
            `neutral` swallows the rest.
        label_smoothing: Share of each stance and tone label spread over all classes, 0 to 1.
        mention_weight: Weight of the loss on the mean of the logits at a target's mentions, which makes
            the marker before a mention say what that mention contributes (it picks the evidence).
        tone_weight, frame_weight: Weights of the other losses.
        feature_dropout: Whether dropout takes whole features of a text (see `FeatureDropout`).
        unmarked: Share of targets whose mentions stay unmarked in one access.
        subset: Share of accesses to a text in which only some of its targets are asked for, so that a label
            doesn't come to rest on which others share the pass.
        average: Decay of the moving average of weights, which is what is evaluated and kept; 0 turns it off.
        max_tokens: Longest training text, header included; longer ones are cut.
        evaluate_every: Steps between evaluations on the dev split. The weights that are kept are a soup of
            those at the evaluations, mixed by stance macro-F1 on dev.
    """

    steps: int = 1_200
    batch_size: int = 32
    learning_rate: float = 1.5e-4
    weight_decay: float = 0.05
    class_weights: Mapping[str, float] = field(
        default_factory=lambda: {"favor": 2.2, "neutral": 0.6, "against": 1.5}
    )
    label_smoothing: float = 0.05
    mention_weight: float = 0.3
    tone_weight: float = 0.5
    frame_weight: float = 2.0
    feature_dropout: bool = True
    unmarked: float = 0.1
    subset: float = 0.0
    average: float = 0.995
    max_tokens: int = 288
    evaluate_every: int = 200
    seed: int = 1


class FeatureDropout(nn.Module):
    """Dropout of whole features: the same ones for all tokens of a text (Gal and Ghahramani 2016).

    Drawing one number for each text and feature, not for each token too: drawing them is a good part of a
    training step on a CPU.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, n, width) -> (b, n, width)."""
        if not self.training or not self.p:
            return hidden
        keep = torch.empty_like(hidden[:, :1]).bernoulli_(1 - self.p).div_(1 - self.p)
        return hidden * keep


def use_feature_dropout(model: nn.Module) -> None:
    """Replace the dropout of hidden states by `FeatureDropout`, and turn off that of attention weights.

    The second one keeps torch from its fast attention on a CPU.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Dropout):
            parent, _, child = name.rpartition(".")
            attention = parent.endswith("attention.self")
            setattr(model.get_submodule(parent), child, FeatureDropout(0.0 if attention else module.p))


class MovingAverage(TrainerCallback):
    """Exponential moving average of the weights, kept beside the model."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.shadow: dict[str, Tensor] = {}
        self.updates = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        model: nn.Module = kwargs["model"]
        # A short memory at first: the start of training should not linger.
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if name not in self.shadow:
                    self.shadow[name] = value.detach().clone()
                elif value.is_floating_point():
                    self.shadow[name].lerp_(value, 1 - decay)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        torch.save({"shadow": self.shadow, "updates": self.updates}, folder / "average.pt")

    def restore(self, folder: Path) -> None:
        saved = torch.load(folder / "average.pt", weights_only=True)
        self.shadow, self.updates = saved["shadow"], saved["updates"]


class StanceTrainer(Trainer):
    """Trainer with the joint loss, batches of similar length, and macro-F1 on the dev split."""

    def __init__(
        self, config: FinetuningConfig, encoder: WindowEncoder, dev: Sequence[Example], **kwargs: Any
    ) -> None:
        multiple = length_multiple(kwargs["args"].device)
        super().__init__(data_collator=partial(collate, multiple=multiple), **kwargs)
        self.options = config
        self.encoder = encoder
        self.dev = dev
        self.average = MovingAverage(config.average) if config.average else None
        if self.average:
            self.add_callback(self.average)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset: Any = self.train_dataset
        generator = torch.Generator().manual_seed(self.args.data_seed or self.args.seed)
        return LengthGroupedSampler(self.args.train_batch_size, lengths=dataset.lengths, generator=generator)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits.float()
        loss = joint_loss(logits, inputs, self.options)
        return (loss, logits) if return_outputs else loss

    def averaged(self) -> Mapping[str, Tensor] | None:
        return self.average.shadow if self.average and self.average.shadow else None

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        model = self.accelerator.unwrap_model(self.model)
        current = {k: v.detach().clone() for k, v in model.state_dict().items()}
        averaged = self.averaged()
        if averaged:
            model.load_state_dict(averaged)
        scores = passage_scores(self.dev, predict_windows(model, self.encoder, self.dev))
        folder = Path(str(self.args.output_dir)) / EVALUATED
        folder.mkdir(exist_ok=True)
        torch.save(model.state_dict(), folder / f"{self.state.global_step}.pt")
        (folder / f"{self.state.global_step}.json").write_text(json.dumps(scores) + "\n", encoding="utf-8")
        model.load_state_dict(current)
        model.train()
        metrics = {f"eval_{k}": v for k, v in scores.items()}
        log.info("step %d: %s", self.state.global_step, {k: round(v, 4) for k, v in scores.items()})
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def joint_loss(logits: Tensor, batch: Mapping[str, Tensor], config: FinetuningConfig) -> Tensor:
    """Sum of the losses of a batch. `logits`: (b, n, 20); `batch` as `collate` gives it."""
    class_weights = torch.tensor([config.class_weights[s] for s in STANCES], device=logits.device)
    loss = logits.new_zeros(())
    stance = batch["stance"]
    if len(stance):
        rows, positions = batch["header"].unbind(1)
        at_header = logits[rows, positions, STANCE_SLICE]  # (t, 3)
        weight = stance @ class_weights * batch["weight"]
        each = functional.cross_entropy(
            at_header, stance, reduction="none", label_smoothing=config.label_smoothing
        )
        loss = loss + (each * weight).sum() / weight.sum()
        if len(batch["mentions"]) and config.mention_weight:
            rows, positions, owner = batch["mentions"].unbind(1)
            at_mentions = logits[rows, positions, STANCE_SLICE]  # (m, 3)
            total = at_header.new_zeros(at_header.shape).index_add(0, owner, at_mentions)
            count = torch.bincount(owner, minlength=len(stance)).unsqueeze(1)
            named = count.squeeze(1) > 0
            each = functional.cross_entropy(total[named] / count[named], stance[named], reduction="none")
            loss = loss + config.mention_weight * (each * weight[named]).sum() / weight[named].sum()
    first = logits[:, 0]
    if (batch["tone"] != IGNORE).any():
        tone = functional.cross_entropy(
            first[:, TONE_SLICE], batch["tone"], ignore_index=IGNORE, label_smoothing=config.label_smoothing
        )
        loss = loss + config.tone_weight * tone
    labelled = batch["frames"][:, 0] >= 0
    if labelled.any():
        frames = functional.binary_cross_entropy_with_logits(
            first[labelled][:, FRAME_SLICE], batch["frames"][labelled]
        )
        loss = loss + config.frame_weight * frames
    return loss


def finetune(
    model: PreTrainedModel,
    encoder: WindowEncoder,
    train: Sequence[tuple[Example, float]],
    dev: Sequence[Example],
    out: Path,
    config: FinetuningConfig,
) -> list[dict[str, Any]]:
    """Train `model` in place; `out/best` gets a soup of the weights at the evaluations, mixed on dev.

    A run that was stopped goes on from its last checkpoint in `out`. `train` has each example with
    the weight of its stance loss. Returns the Trainer's log.
    """
    dataset = ExampleDataset(
        encoder,
        [example for example, _ in train],
        [weight for _, weight in train],
        max_tokens=config.max_tokens,
        unmarked=config.unmarked,
        subset=config.subset,
        seed=config.seed,
    )
    log.info("%d texts, %.0f tokens each", len(dataset), np.mean(dataset.lengths))
    if config.feature_dropout:
        use_feature_dropout(model)
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=config.steps,
        num_train_epochs=math.ceil(config.steps * config.batch_size / len(dataset)),
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=0.06,
        lr_scheduler_type="linear",
        eval_strategy="steps",
        eval_steps=config.evaluate_every,
        save_strategy="steps",
        save_steps=config.evaluate_every,
        save_total_limit=2,  # the Trainer deletes the last one at the end if only one may stay
        dataloader_pin_memory=torch.cuda.is_available(),
        load_best_model_at_end=False,
        metric_for_best_model="stance_f1",
        logging_steps=25,
        seed=config.seed,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        remove_unused_columns=False,
        report_to=[],
        # A GPU would wait for its batches; on a CPU further processes only take its cores away.
        dataloader_num_workers=2 if torch.cuda.is_available() else 0,
        logging_nan_inf_filter=False,  # it makes the GPU wait at each step
        disable_tqdm=True,
    )
    trainer = StanceTrainer(
        config, encoder, dev, model=model, args=arguments, train_dataset=dataset, eval_dataset=list(dev)
    )
    checkpoints = sorted(out.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    if checkpoints and trainer.average:
        trainer.average.restore(checkpoints[-1])
    if checkpoints and checkpoints[-1].name == f"checkpoint-{config.steps}":
        trainer.state = TrainerState.load_from_json(str(checkpoints[-1] / "trainer_state.json"))
    else:
        trainer.train(resume_from_checkpoint=str(checkpoints[-1]) if checkpoints else None)
    model.load_state_dict(soup_of(model, encoder, dev, out))
    model.save_pretrained(out / "best")
    return list(trainer.state.log_history)


def soup_of(model: PreTrainedModel, encoder: WindowEncoder, dev: Sequence[Example], out: Path) -> Weights:
    """The greedy soup, by stance macro-F1 on dev, of the weights at the evaluations of a run in `out`."""

    def score(weights: Weights) -> float:
        model.load_state_dict(weights)
        return passage_scores(dev, predict_windows(model, encoder, dev))["stance_f1"]

    evaluated = {
        path: float(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["stance_f1"])
        for path in sorted((out / EVALUATED).glob("*.pt"))
    }
    return greedy_soup(evaluated, score)
