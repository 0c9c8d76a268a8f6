"""Examples to batches to loss."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional

from polystance.models.checkpoint import Checkpoint
from polystance.models.encoding import WindowEncoder
from polystance.models.labels import FRAME_SLICE, FRAMES, MARKERS, STANCE_SLICE, STANCES, TONE_SLICE, TONES
from polystance.models.mentions import default_finder
from polystance.training.alignment import length_batches, pad, retrieval_accuracy
from polystance.training.batches import IGNORE, ExampleDataset, TrainingOrder, clip, collate, encode_examples
from polystance.training.dropout import FeatureDropout, use_feature_dropout
from polystance.training.examples import Example
from polystance.training.finetuning import FinetuningConfig, joint_loss
from polystance.training.prediction import predict_windows
from polystance.training.scores import passage_scores
from tests.unit.tiny import CHINESE, ENGLISH, TWENTY, tiny_model


def example(text: str, stances: dict[str, str], **more: object) -> Example:
    mentions = tuple(m for m in default_finder().find(text) if m.target in stances)
    language = "en" if text.isascii() else "zh"
    return replace(Example(text[:9], text[:9], language, "", text, stances, (), mentions), **more)  # type: ignore[arg-type]


EXAMPLES = [
    example(ENGLISH[0], {"US": "favor", "JP": "neutral"}, tone="positive", frames=("economic", "political")),
    example(ENGLISH[1], {"CN": "against", "RU": "neutral", "the ferry": "against"}, tone="negative"),
    example(CHINESE[0], {"US": "favor", "CN": "against"}, frames=()),
    example(CHINESE[1], {"RU": "neutral", "JP": "favor"}),
    example(CHINESE[2], {}, tone="neutral"),
]


def dataset(
    encoder: WindowEncoder, unmarked: float = 0.0, examples: list[Example] = EXAMPLES
) -> ExampleDataset:
    weights = [1.0 + i for i in range(len(examples))]
    return ExampleDataset(encoder, examples, weights, max_tokens=80, unmarked=unmarked, seed=1)


def test_an_item_holds_the_labels_of_its_markers(encoder: WindowEncoder) -> None:
    data = dataset(encoder)
    seen = set()
    for draw in range(30):
        item = data[draw, 1]
        ids = item["input_ids"]
        header = [ids[p] for p, _ in item["header"]]
        assert len(set(header)) == 3
        assert set(header) <= set(encoder.marker_ids)
        names = [encoder.tokenizer.id_to_token(ids[p + 1]) for p, _ in item["header"]]
        labels = [STANCES[label.index(1.0)] for _, label in item["header"]]
        assert dict(zip(names, labels, strict=True)) == {
            "▁china": "against", "▁russia": "neutral", "▁the": "against",
        }  # fmt: skip
        assert all(ids[p] == header[i] for p, i in item["mentions"])
        assert sorted(names[i] for _, i in item["mentions"]) == ["▁china", "▁russia"]
        seen.add((tuple(names), tuple(header)))
    assert len(seen) > 20  # order and markers are drawn anew
    assert {names for names, _ in seen} == set(permutations(["▁china", "▁russia", "▁the"]))
    assert {marker for _, header in seen for marker in header} == set(encoder.marker_ids)


def test_a_draw_follows_from_its_number_alone(encoder: WindowEncoder) -> None:
    data, again = dataset(encoder, unmarked=0.5), dataset(encoder, unmarked=0.5)
    items = [data[draw, 1] for draw in range(20)]
    assert [again[draw, 1] for draw in reversed(range(20))] == items[::-1]


def test_the_order_of_a_training_has_every_text_once_in_an_epoch() -> None:
    lengths = [*range(40)]
    order = list(TrainingOrder(lengths, batch_size=4, draws=100, seed=3))
    assert (
        [draw for draw, _ in order] == list(range(100)) == list(range(len(TrainingOrder(lengths, 4, 100, 3))))
    )
    first, second = ([index for _, index in order[start : start + 40]] for start in (0, 40))
    assert sorted(first) == sorted(second) == lengths
    assert first != second
    assert order == list(TrainingOrder(lengths, 4, 100, 3)) != list(TrainingOrder(lengths, 4, 100, 4))
    spread = [max(first[i : i + 4]) - min(first[i : i + 4]) for i in range(0, 40, 4)]
    assert sorted(spread)[5] < 30  # of 39: batches are of like length


def test_tone_frames_and_weights_of_items(encoder: WindowEncoder) -> None:
    items = [dataset(encoder)[0, i] for i in range(len(EXAMPLES))]
    assert [item["tone"] for item in items] == [0, 2, IGNORE, IGNORE, 1]
    assert items[0]["frames"] == [float(f in ("economic", "political")) for f in FRAMES]
    assert [item["frames"] is None for item in items] == [False, True, False, True, True]
    assert sum(items[2]["frames"]) == 0
    assert [item["weight"] for item in items] == [1, 2, 3, 4, 5]
    assert items[4]["header"] == items[4]["mentions"] == []


def test_unmarked_takes_markers_from_mentions_only(encoder: WindowEncoder) -> None:
    item = dataset(encoder, unmarked=1.0)[0, 0]
    assert item["mentions"] == []
    assert len(item["header"]) == 2
    assert len([i for i in item["input_ids"] if i in encoder.marker_ids]) == 2


def test_soft_labels_take_the_place_of_certain_ones(encoder: WindowEncoder) -> None:
    soft = replace(EXAMPLES[2], soft={"CN": (0.1, 0.2, 0.7)})
    item = dataset(encoder, examples=[soft])[0, 0]
    assert sorted(label for _, label in item["header"]) == [(0.1, 0.2, 0.7), (1.0, 0.0, 0.0)]


def test_a_subset_of_the_targets_is_asked_for(encoder: WindowEncoder) -> None:
    data = ExampleDataset(encoder, EXAMPLES, [1.0] * 5, max_tokens=80, unmarked=0.0, subset=1.0, seed=1)
    assert {len(data[draw, 1]["header"]) for draw in range(30)} == {1, 2}
    assert len(data[0, 4]["header"]) == 0


def test_feature_dropout_takes_the_same_features_of_all_tokens() -> None:
    torch.manual_seed(3)
    model = tiny_model(50)
    use_feature_dropout(model)
    assert not any(isinstance(m, torch.nn.Dropout) for m in model.modules())
    attention = [m.p for n, m in model.named_modules() if n.endswith("attention.self.dropout")]
    assert attention == [0.0, 0.0]
    drop = FeatureDropout(0.5)
    hidden = torch.ones(2, 7, 1_000)
    dropped = drop(hidden)
    assert (dropped == dropped[:, :1]).all()
    assert (dropped[0] != dropped[1]).any()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.1)
    assert drop.eval()(hidden) is hidden


def test_lengths_are_those_of_the_items_or_more(encoder: WindowEncoder) -> None:
    long = [*EXAMPLES, example(" ".join(ENGLISH) * 4, dict.fromkeys(TWENTY, "neutral"))]
    data = dataset(encoder, examples=long)
    assert len(data) == 6
    for index, length in enumerate(data.lengths):
        assert len(data[0, index]["input_ids"]) <= length <= 80
    assert len(data[0, 5]["header"]) == len(MARKERS)
    for sentences, one in zip(encode_examples(encoder, long, 40), long, strict=True):
        assert len(encoder.window(sentences, list(one.stances)[:8], one.language).ids) <= 40


def test_clip_takes_tokens_from_the_front(encoder: WindowEncoder) -> None:
    sentences = encoder.sentences("", ENGLISH[0])
    everything = [i for s in sentences for i in s.ids]
    for limit in (0, 3, len(sentences[0].ids), len(everything) - 1, 999):
        assert [i for s in clip(sentences, limit) for i in s.ids] == everything[:limit]


def test_collate_shapes_and_alignment(encoder: WindowEncoder) -> None:
    data = dataset(encoder)
    items = [data[0, i] for i in range(len(EXAMPLES))]
    batch = collate(items)
    b, n = len(items), max(len(item["input_ids"]) for item in items)
    shapes = {name: tuple(tensor.shape) for name, tensor in batch.items()}
    assert shapes == {
        "input_ids": (b, n), "attention_mask": (b, n), "header": (9, 2), "stance": (9, 3), "weight": (9,),
        "mentions": (9, 3), "tone": (b,), "frames": (b, len(FRAMES)),
    }  # fmt: skip
    for row, item in enumerate(items):
        size = len(item["input_ids"])
        assert batch["input_ids"][row, :size].tolist() == list(item["input_ids"])
        assert batch["attention_mask"][row].tolist() == [1] * size + [0] * (n - size)
    at_header = batch["input_ids"][batch["header"][:, 0], batch["header"][:, 1]]
    assert set(at_header.tolist()) <= set(encoder.marker_ids)
    assert batch["weight"].tolist() == [1, 1, 2, 2, 2, 3, 3, 4, 4]
    for row, position, owner in batch["mentions"].tolist():
        assert batch["header"][owner, 0] == row
        assert batch["input_ids"][row, position] == at_header[owner]
    assert (batch["frames"][1] == -1).all()


def test_collate_without_any_stance(encoder: WindowEncoder) -> None:
    batch = collate([dataset(encoder)[0, 4]])
    assert (tuple(batch["header"].shape), tuple(batch["mentions"].shape)) == ((0, 2), (0, 3))
    loss = joint_loss(torch.zeros(1, batch["input_ids"].shape[1], 20), batch, FinetuningConfig())
    assert loss.item() == pytest.approx(0.5 * math.log(3), abs=1e-6)


def test_the_loss_is_the_sum_of_its_parts(encoder: WindowEncoder) -> None:
    data = dataset(encoder)
    batch = collate([data[0, 0], data[0, 3]])
    logits = torch.randn(*batch["input_ids"].shape, 20, generator=torch.Generator().manual_seed(2))
    plain = FinetuningConfig(class_weights=dict.fromkeys(STANCES, 1.0), label_smoothing=0.0)
    rows, positions = batch["header"].unbind(1)
    each = functional.cross_entropy(logits[rows, positions, STANCE_SLICE], batch["stance"], reduction="none")
    stance = (each * batch["weight"]).sum() / batch["weight"].sum()
    pooled = torch.stack(
        [
            torch.stack(
                [logits[r, p, STANCE_SLICE] for r, p, o in batch["mentions"].tolist() if o == owner]
            ).mean(0)
            for owner in range(4)
        ]
    )
    each = functional.cross_entropy(pooled, batch["stance"], reduction="none")
    mentions = (each * batch["weight"]).sum() / batch["weight"].sum()
    tone = functional.cross_entropy(logits[:1, 0, TONE_SLICE], torch.tensor([TONES.index("positive")]))
    frames = functional.binary_cross_entropy_with_logits(logits[:1, 0, FRAME_SLICE], batch["frames"][:1])
    expected = stance + 0.3 * mentions + 0.5 * tone + 2.0 * frames
    torch.testing.assert_close(joint_loss(logits, batch, plain), expected)


def test_missing_labels_cost_nothing(encoder: WindowEncoder) -> None:
    data = dataset(encoder)
    batch = collate([data[0, 3], data[0, 1]])  # neither has frames; the first has no tone
    logits = torch.randn(*batch["input_ids"].shape, 20).requires_grad_()
    joint_loss(logits, batch, FinetuningConfig()).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[:, :, FRAME_SLICE].any()
    assert not logits.grad[0, :, TONE_SLICE].any()
    assert logits.grad[1, 0, TONE_SLICE].any()
    assert not logits.grad[:, 1:, TONE_SLICE].any()
    used = {tuple(x) for x in batch["header"].tolist()} | {tuple(x[:2]) for x in batch["mentions"].tolist()}
    moved = {(r, p) for r, p in logits.grad[:, :, STANCE_SLICE].abs().sum(-1).nonzero().tolist()}
    assert moved == used


def test_the_loss_falls_and_the_model_learns(tiny: Checkpoint) -> None:
    encoder, config = tiny.encoder, FinetuningConfig()
    model = tiny_model(encoder.tokenizer.get_vocab_size())
    data = dataset(encoder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(20):
        batch = collate([data[0, i] for i in range(len(data))])
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        loss = joint_loss(logits, batch, config)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])


def test_predictions_cover_every_target_of_every_example(tiny: Checkpoint) -> None:
    many = example(ENGLISH[0], dict.fromkeys(TWENTY, "neutral"), tone="positive")
    examples = [*EXAMPLES, many]
    predictions = predict_windows(tiny.model, tiny.encoder, examples)
    for one, prediction in zip(examples, predictions, strict=True):
        assert set(prediction.stances) == set(one.stances)
        assert {x.shape for x in prediction.stances.values()} <= {(3,)}
        assert (prediction.tone.shape, prediction.frames.shape) == ((3,), (len(FRAMES),))
    alone = predict_windows(tiny.model, tiny.encoder, [EXAMPLES[2]])[0]
    np.testing.assert_allclose(alone.stances["CN"], predictions[2].stances["CN"], atol=1e-5)
    scores = passage_scores(examples, predictions)
    assert {"stance_f1", "stance_f1_zh", "stance_f1_en", "f1_favor", "tone_f1", "frames_f1"} <= set(scores)
    assert all(0 <= value <= 1 for value in scores.values())
    assert set(passage_scores([EXAMPLES[3]], [predictions[3]])) == {
        "stance_f1", "stance_f1_zh", "f1_favor", "f1_neutral", "f1_against",
    }  # fmt: skip


def test_batches_of_like_length_hold_each_row_once() -> None:
    lengths = [5, 50, 7, 48, 6, 200]
    batches = length_batches(lengths, 100)
    assert sorted(i for batch in batches for i in batch) == list(range(6))
    assert all(len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= 100 for batch in batches)
    ids, mask = pad([[4, 5], [6]])
    assert (ids.tolist(), mask.tolist()) == ([[4, 5], [6, 0]], [[1, 1], [1, 0]])


def test_retrieval_accuracy() -> None:
    zh, en = torch.eye(4), torch.eye(4)[[0, 1, 3, 2]]
    assert retrieval_accuracy(zh, en) == (0.5, 0.5)
