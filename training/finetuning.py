"""Fine-tuning an encoder on stance, tone and frames at once, with the transformers Trainer."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Sampler
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from polystance.errors import UsageError
from polystance.models.checkpoint import max_positions
from polystance.models.encoding import WindowEncoder
from polystance.models.forward import length_multiple
from polystance.models.labels import FRAME_SLICE, STANCE_SLICE, STANCES, TONE_SLICE
from polystance.models.precision import pick_precision
from polystance.training.batches import IGNORE, ExampleDataset, TrainingOrder, collate
from polystance.training.dropout import use_feature_dropout
from polystance.training.examples import Example
from polystance.training.prediction import predict_windows
from polystance.training.processes import this_process
from polystance.training.scores import passage_scores
from polystance.training.soup import Weights, greedy_soup

log = logging.getLogger(__name__)
TRAINING_PRECISIONS = ("auto", "fp32", "bf16")
EVALUATED = "evaluated"  # folder of the weights and scores at each evaluation
STATE = "trainer_state.json"  # of the Trainer, in its checkpoints
AVERAGE = "average.pt"  # the moving average, in the Trainer's checkpoints


@dataclass(frozen=True)
class FinetuningConfig:
    """Options of fine-tuning.

    Attributes:
        steps: Optimiser steps of `batch_size` texts.
        batch_size: Texts of one step, over all processes.
        accumulation: Parts that a process computes its texts of a step in, one after another: more of them
            take less memory. Each part's loss is a weighted mean of its own, and the step's is their mean.
        precision: "bf16" computes the training in bfloat16 with weights in fp32 (on a GPU, or a CPU that has
            it), "fp32" all in fp32; "auto" is bf16 on GPUs that have it and fp32 elsewhere.
        gradient_checkpointing: Whether activations are computed again in the backward pass rather than
            kept: less memory, more time.
        learning_rate: Peak of a linear schedule.
        warmup: Share of the steps in which the learning rate rises to its peak.
        class_weights: Weight of each stance in the loss. News is mostly neutral; without weights
            `neutral` swallows the rest.
        label_smoothing: Share of each stance and tone label spread over all classes, 0 to 1.
        mention_weight: Weight of the loss on the mean of the logits at a target's mentions, which makes
            the marker before a mention say what that mention contributes (it picks the evidence).
        tone_weight, frame_weight: Weights of the other losses.
        feature_dropout: Whether dropout takes whole features of a text (see `dropout`).
        unmarked: Share of targets whose mentions stay unmarked in one access.
        subset: Share of accesses to a text in which only some of its targets are asked for, so that a label
            doesn't come to rest on which others share the pass.
        average: Decay of the moving average of weights, which is what is evaluated and kept; 0 turns it off.
        max_tokens: Longest training text, header included; longer ones are cut.
        evaluate_every: Steps between evaluations on the dev split. The weights that are kept are a soup of
            those at the evaluations, mixed by stance macro-F1 on dev.
        patience: Training stops early once so many evaluations in a row have not raised the best stance
            macro-F1 on dev; 0 never stops early.
        seed: Of the order of the texts and of all random choices.
    """

    steps: int = 1_200
    batch_size: int = 32
    accumulation: int = 1
    precision: str = "auto"
    gradient_checkpointing: bool = False
    learning_rate: float = 1.5e-4
    warmup: float = 0.06
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
    patience: int = 0
    seed: int = 1


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
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            torch.save({"shadow": self.shadow, "updates": self.updates}, folder / AVERAGE)

    def restore(self, folder: Path, device: torch.device) -> None:
        saved = torch.load(folder / AVERAGE, weights_only=True, map_location=device)
        self.shadow, self.updates = saved["shadow"], saved["updates"]


class LossAtSaves(TrainerCallback):
    """Logs the loss before each save: a checkpoint has no place for the sum of those not yet logged."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_log |= control.should_save


class StanceTrainer(Trainer):
    """Trainer with the joint loss, batches of similar length, and macro-F1 on the dev split."""

    def __init__(
        self, config: FinetuningConfig, encoder: WindowEncoder, dev: Sequence[Example], **kwargs: Any
    ) -> None:
        multiple = length_multiple(kwargs["args"].device)
        pad_id = int(kwargs["model"].config.pad_token_id or 0)
        super().__init__(data_collator=partial(collate, pad_id=pad_id, multiple=multiple), **kwargs)
        self.options = config
        self.encoder = encoder
        self.dev = dev
        self.average = MovingAverage(config.average) if config.average else None
        if self.average:
            self.add_callback(self.average)
        self.add_callback(LossAtSaves())
        self.remove_callback(PrinterCallback)  # it prints to standard output, which is for data

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[tuple[int, int]]:
        dataset: Any = self.train_dataset
        options = self.options
        draws = options.steps * options.batch_size
        return TrainingOrder(dataset.lengths, options.batch_size, draws, options.seed)

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
        """Scores on dev, by the main process for all."""
        found = [self._score_and_keep() if self.is_world_process_zero() else {}]
        scores: dict[str, float] = broadcast_object_list(found)[0]
        self.model.train()  # type: ignore[union-attr]
        metrics = {f"eval_{k}": v for k, v in scores.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        if out_of_patience(self.state.log_history, self.options.patience):
            log.info(
                "step %d: stops early, %d evaluations without a gain",
                self.state.global_step,
                self.options.patience,
            )
            self.control.should_training_stop = True
        return metrics

    def _score_and_keep(self) -> dict[str, float]:
        """Scores of the averaged weights on dev, both of which stay in a file for the soup."""
        model = self.accelerator.unwrap_model(self.model)
        current = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(self.averaged() or current)
        scores = passage_scores(self.dev, predict_windows(model, self.encoder, self.dev))
        folder = Path(str(self.args.output_dir)) / EVALUATED
        folder.mkdir(exist_ok=True)
        torch.save(model.state_dict(), folder / f"{self.state.global_step}.pt")
        (folder / f"{self.state.global_step}.json").write_text(json.dumps(scores) + "\n", encoding="utf-8")
        model.load_state_dict(current)
        return scores

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log(logs, start_time)
        if self.is_world_process_zero():
            # Its epochs are those of the whole training, drawn beforehand: they say nothing here.
            shown = {k: round(v, 6) for k, v in logs.items() if k != "epoch"}
            log.info("step %d: %s", self.state.global_step, shown)


def out_of_patience(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether the last `patience` evaluations in a Trainer's log brought no new best stance macro-F1."""
    scores = [row["eval_stance_f1"] for row in history if "eval_stance_f1" in row]
    return bool(patience and scores) and len(scores) - 1 - scores.index(max(scores)) >= patience


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

    A run that was stopped goes on from its last checkpoint in `out` and computes what it would have
    computed without the stop. `train` has each example with the weight of its stance loss. Returns the
    Trainer's log.

    In a launch of several processes each takes its part of every step; the main process alone
    evaluates and writes.

    Raises:
        UsageError: The texts of a step don't divide into the parts, the encoder has no `max_tokens`
            positions, or the device can't compute in the precision.
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
    arguments = _arguments(config, out)
    if config.max_tokens > (positions := max_positions(model.config)):
        raise UsageError(f"max_tokens is {config.max_tokens}; this encoder reads at most {positions}.")
    log.info("%d texts, %.0f tokens each", len(dataset), np.mean(dataset.lengths))
    if config.feature_dropout:
        use_feature_dropout(model)
    trainer = StanceTrainer(
        config, encoder, dev, model=model, args=arguments, train_dataset=dataset, eval_dataset=list(dev)
    )
    last = _last_checkpoint(out, config)
    if last and trainer.average:
        trainer.average.restore(last, model.device)
    if last and _is_finished(state := TrainerState.load_from_json(str(last / STATE)), config):
        trainer.state = state
    else:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    if trainer.is_world_process_zero():
        model.load_state_dict(soup_of(model, encoder, dev, out))
        model.save_pretrained(out / "best")
    trainer.accelerator.wait_for_everyone()
    return list(trainer.state.log_history)


def _arguments(config: FinetuningConfig, out: Path) -> TrainingArguments:
    device, processes = this_process().device.type, this_process().num_processes
    parts = processes * config.accumulation
    if config.batch_size % parts:
        raise UsageError(
            f"batch_size {config.batch_size} can't be shared by {processes} processes in "
            f"{config.accumulation} parts (`accumulation`) each. Make it a multiple of {parts}."
        )
    if config.precision not in TRAINING_PRECISIONS:
        raise UsageError(f"No precision {config.precision!r}; give {', '.join(TRAINING_PRECISIONS)}.")
    # "auto" leaves a CPU at fp32 even where it has bf16, so that its results are those of other CPUs.
    precision = "fp32" if config.precision == "auto" and device == "cpu" else config.precision
    return TrainingArguments(
        output_dir=str(out),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size // parts,
        gradient_accumulation_steps=config.accumulation,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup,
        lr_scheduler_type="linear",
        eval_strategy="steps",
        eval_steps=config.evaluate_every,
        save_strategy="steps",
        save_steps=config.evaluate_every,
        save_total_limit=2,  # the Trainer deletes the last one at the end if only one may stay
        dataloader_pin_memory=device == "cuda",
        load_best_model_at_end=False,
        metric_for_best_model="stance_f1",
        logging_steps=25,
        seed=config.seed,
        use_cpu=device == "cpu",
        bf16=pick_precision(precision, device) == "bf16",
        remove_unused_columns=False,
        report_to=[],
        # A GPU would wait for its batches; on a CPU further processes only take its cores away.
        dataloader_num_workers=2 if device == "cuda" else 0,
        logging_nan_inf_filter=False,  # it makes the GPU wait at each step
        disable_tqdm=True,
        **_checkpointing(config),
    )


def _checkpointing(config: FinetuningConfig) -> dict[str, Any]:
    """Arguments that turn gradient checkpointing on; transformers renames them in its fifth version."""
    if not config.gradient_checkpointing:
        return {}
    known = {f.name for f in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def _last_checkpoint(out: Path, config: FinetuningConfig) -> Path | None:
    """The last one that was written to its end."""
    needed = (STATE, AVERAGE) if config.average else (STATE,)
    whole = [p for p in out.glob("checkpoint-*") if all((p / name).is_file() for name in needed)]
    return max(whole, key=lambda p: int(p.name.split("-")[1]), default=None)


def _is_finished(state: TrainerState, config: FinetuningConfig) -> bool:
    return state.global_step >= config.steps or out_of_patience(state.log_history, config.patience)


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
