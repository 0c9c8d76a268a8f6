"""Each recipe for a larger encoder, run for two steps on a tiny random one of its architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PretrainedConfig,
)

from polystance.inference.classifier import StanceClassifier
from polystance.models.checkpoint import max_positions
from polystance.models.labels import MARKERS, OUTPUTS
from polystance.training import fitting
from polystance.training.dropout import FeatureDropout, use_feature_dropout
from polystance.training.pipeline import run_recipe, token_classifier
from polystance.training.recipe import DataConfig, Recipe, load_recipe
from tests.unit.tiny import CHINESE, ENGLISH, write_news

TEXTS = (*ENGLISH, *CHINESE) * 3


def wrapped(tokenizer: Tokenizer, cls: str, sep: str) -> Tokenizer:
    ids = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B {sep}", special_tokens=ids
    )
    return tokenizer


def unigram(cls: str, pad: str, sep: str, unk: str, mask: str) -> Tokenizer:
    """SentencePiece's unigram model, as XLM-R and mDeBERTa have it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=[cls, pad, sep, unk, mask], unk_token=unk, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return wrapped(tokenizer, cls, sep)


def xlm_roberta() -> Tokenizer:
    return unigram("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def deberta() -> Tokenizer:
    return unigram("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")


def gemma() -> Tokenizer:
    """Gemma's: blanks become a letter, byte pairs, unknown characters as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Replace("▁", " ")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens(["<s>", "</s>"])  # Gemma's names of an HTML tag
    return wrapped(tokenizer, "<bos>", "<eos>")


def modernbert() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    return wrapped(tokenizer, "[CLS]", "[SEP]")


@dataclass(frozen=True)
class Family:
    """What sets an encoder's architecture and tokenizer apart from others; `positions` is what it reads."""

    tokenizer: Callable[[], Tokenizer]
    specials: tuple[str, str, str]  # padding, beginning, end
    positions: int
    config: dict[str, Any]


XLM_ROBERTA = Family(
    xlm_roberta,
    ("<pad>", "<s>", "</s>"),
    512,
    {"model_type": "xlm-roberta", "max_position_embeddings": 514, "type_vocab_size": 1},
)
DEBERTA = Family(
    deberta,
    ("[PAD]", "[CLS]", "[SEP]"),
    512,
    {
        "model_type": "deberta-v2", "max_position_embeddings": 512, "type_vocab_size": 0,
        "relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm",
        "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
    },
)  # fmt: skip
MMBERT = Family(
    gemma,
    ("<pad>", "<bos>", "<eos>"),
    8192,
    {"model_type": "modernbert", "max_position_embeddings": 8192, "local_attention": 16},
)
MODERNBERT = replace(MMBERT, tokenizer=modernbert, specials=("[PAD]", "[CLS]", "[SEP]"))
FAMILIES = {
    "xlm-roberta-base": XLM_ROBERTA,
    "xlm-roberta-large": XLM_ROBERTA,
    "mdeberta-v3-base": DEBERTA,
    "mmbert-base": MMBERT,
    "mmbert-small": MMBERT,
    "modernbert-base": MODERNBERT,
}


def write_encoder(folder: Path, family: Family) -> Path:
    """A tiny random encoder of a family: three layers, 32 wide."""
    tokenizer = family.tokenizer()
    pad, cls, sep = (tokenizer.token_to_id(token) for token in family.specials)
    options = {k: v for k, v in family.config.items() if k != "model_type"}
    config: PretrainedConfig = AutoConfig.for_model(
        family.config["model_type"], **options, vocab_size=tokenizer.get_vocab_size(), hidden_size=32,
        num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, pad_token_id=pad,
        bos_token_id=cls, cls_token_id=cls, eos_token_id=sep, sep_token_id=sep,
    )  # fmt: skip
    torch.manual_seed(1)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def shipped(name: str) -> Recipe:
    return load_recipe(Path(str(files("polystance.training") / "recipes" / f"{name}.toml")))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_recipe_runs_on_its_architecture(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "read_seeds", tuple)  # pooling fitted on one article, to save time
    family, recipe = FAMILIES[name], shipped(name)
    last = recipe.stages[-1]
    assert all(
        stage.finetuning.max_tokens <= recipe.window_tokens <= family.positions for stage in recipe.stages
    )
    short = replace(last.finetuning, steps=2, evaluate_every=2, batch_size=2 * last.finetuning.accumulation)
    tiny = replace(
        recipe,
        encoder=str(write_encoder(tmp_path / "encoder", family)),
        stages=(replace(last, data=(DataConfig("country-news"),), finetuning=short),),
    )
    out = run_recipe(tiny, write_news(tmp_path), tmp_path / "out", tmp_path / "work")

    classifier = StanceClassifier.from_pretrained(out, device="cpu", precision="fp32")
    (labels,) = classifier.classify(f"{ENGLISH[0]} {ENGLISH[1]}")
    assert {"US", "CN", "RU"} <= set(labels.stances)
    assert {len(stance.probabilities) for stance in labels.stances.values()} == {3}

    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForTokenClassification.from_pretrained(out, dtype=torch.float32).eval()
    pad, cls, sep = family.specials
    assert (tokenizer.pad_token, tokenizer.cls_token, tokenizer.sep_token) == (pad, cls, sep)
    assert tokenizer.model_max_length == max_positions(model.config) == family.positions
    assert len(tokenizer) == model.config.vocab_size
    encoder = classifier.checkpoint.encoder
    for text in (*ENGLISH, *CHINESE, f"{MARKERS[0]}China said{MARKERS[1]} 漁船"):
        assert tokenizer(text)["input_ids"] == encoder.tokenizer.encode(text).ids
    window = encoder.window(encoder.sentences("", ENGLISH[1]), ["CN", "RU"], "en")
    names = tokenizer.convert_ids_to_tokens(list(window.ids))
    assert (names[0], names[1], names[-1]) == (cls, MARKERS[0], sep)
    assert tuple(model.config.id2label[i] for i in range(len(OUTPUTS))) == OUTPUTS
    # Padding changes nothing, and inputs as long as the family reads go through.
    ids = torch.tensor([window.ids, [*window.ids]])
    padded = torch.nn.functional.pad(ids, (0, 5), value=tokenizer.pad_token_id)
    mask = (torch.arange(padded.shape[1]) < ids.shape[1]).long().expand_as(padded)
    with torch.inference_mode():
        alone = model(ids).logits
        torch.testing.assert_close(
            model(padded, attention_mask=mask).logits[:, :-5], alone, atol=1e-4, rtol=0
        )
        longest = torch.full((1, recipe.window_tokens), ids[0, 3].item())
        assert model(longest).logits.isfinite().all()


@pytest.mark.parametrize("family", [XLM_ROBERTA, DEBERTA, MODERNBERT], ids=lambda f: f.config["model_type"])
def test_feature_dropout_fits_the_architecture(family: Family, tmp_path: Path) -> None:
    model, _ = token_classifier(write_encoder(tmp_path, family), seed=1)
    use_feature_dropout(model)
    kinds = {type(module) for module in model.modules()}
    assert torch.nn.Dropout not in kinds
    assert FeatureDropout in kinds
    model.train()
    model(torch.arange(5, 25).reshape(2, 10)).logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
