"""Names and layouts: ours, Hugging Face's, TensorFlow's, there and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers
from torch import Tensor

from bertwright.checkpoints.conversion import (
    Weights,
    from_hugging_face,
    from_tensorflow,
    to_hugging_face,
    to_tensorflow,
)
from bertwright.checkpoints.names import names_of
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining

CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=19,
    max_position_embeddings=11,
)
OURS = BertForPreTraining(CONFIG, seed=1).state_dict()
ALL_PARTS = {"encoder", "pooler", "masked_language_head", "next_sentence_head"}


def hugging_face() -> dict[str, Tensor]:
    return to_hugging_face(OURS, CONFIG)


def read(tensors: dict[str, Tensor]) -> Weights:
    return from_hugging_face(tensors, CONFIG, "model.safetensors", allow_nonfinite=True)


def test_the_table_covers_every_parameter_with_its_shape() -> None:
    table = {name.ours: name.shape for name in names_of(CONFIG)}
    assert table == {name: tuple(tensor.shape) for name, tensor in OURS.items()}
    with_classes = names_of(CONFIG, 4)
    for column in ("hugging_face", "tensorflow"):
        theirs = [item for name in with_classes for item in getattr(name, column)]
        assert len(set(theirs)) == len(theirs), "every foreign name once"


def test_the_table_has_exactly_the_names_of_transformers() -> None:
    model = transformers.BertForPreTraining(transformers.BertConfig(**CONFIG.to_dict()))
    assert set(hugging_face()) == {name for name, _ in model.named_parameters()}


def test_there_and_back() -> None:
    weights = read(hugging_face())
    assert weights.parts == ALL_PARTS
    assert weights.ignored == ()
    assert set(weights.tensors) == set(OURS)
    assert all(torch.equal(weights.tensors[name], OURS[name]) for name in OURS)


def test_tensorflow_stores_kernels_transposed() -> None:
    stored = {}
    for name in names_of(CONFIG):
        for item, piece in zip(name.tensorflow, OURS[name.ours].chunk(len(name.tensorflow)), strict=True):
            stored[item] = piece.t() if item.endswith("/kernel") else piece
    assert {name: tensor.shape for name, tensor in to_tensorflow(OURS, CONFIG).items()} == {
        name: tensor.shape for name, tensor in stored.items()
    }
    slots = (
        "bert/embeddings/word_embeddings/part_1/adam_v",
        "bert/pooler/dense/bias/adam_m",
        "bert/pooler/dense/kernel/Adam_1",
        "beta1_power",
        "global_step",
    )
    stored |= dict.fromkeys((*slots, "other"), torch.ones(1))
    weights = from_tensorflow(stored, stored.__getitem__, CONFIG, "x.index", allow_nonfinite=True)
    assert weights.ignored == ("other",)
    assert weights.slots == slots
    assert all(torch.equal(weights.tensors[name], OURS[name]) for name in OURS)
    kernel = "bert/encoder/layer_1/attention/self/key/kernel"
    for shape in ((12, 12, 1), (), (144,)):
        other = {**stored, kernel: torch.zeros(shape)}
        with pytest.raises(ModelError, match=f"{kernel}: expected shape"):
            from_tensorflow(other, other.__getitem__, CONFIG, "x.index", allow_nonfinite=True)
    del stored[kernel]
    with pytest.raises(ModelError, match="missing tensors: 1"):
        from_tensorflow(stored, stored.__getitem__, CONFIG, "x.index", allow_nonfinite=True)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.removeprefix("bert."),
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma"),
        lambda name: name.replace("LayerNorm.bias", "LayerNorm.beta"),
    ],
)
def test_older_ways_of_naming(rename: Callable[[str], str]) -> None:
    tensors = {rename(name): tensor for name, tensor in hugging_face().items()}
    assert tensors.keys() != hugging_face().keys()
    weights = read(tensors)
    assert all(torch.equal(weights.tensors[name], OURS[name]) for name in OURS)


def test_tied_copies_and_buffers_are_expected() -> None:
    tensors = hugging_face()
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
    tensors["bert.embeddings.position_ids"] = torch.arange(11)[None]
    assert read(tensors).parts == ALL_PARTS
    tensors["cls.predictions.decoder.weight"][3, 4] += 1
    with pytest.raises(ModelError, match="they are tied"):
        read(tensors)


def test_the_output_bias_may_be_stored_as_the_decoders() -> None:
    tensors = hugging_face()
    tensors["cls.predictions.decoder.bias"] = tensors.pop("cls.predictions.bias")
    weights = read(tensors)
    assert torch.equal(weights.tensors["masked_language_head.bias"], OURS["masked_language_head.bias"])


def test_absent_parts_are_reported_and_half_parts_refused() -> None:
    tensors = {name: tensor for name, tensor in hugging_face().items() if not name.startswith("cls.")}
    assert read(tensors).parts == {"encoder", "pooler"}
    without_pooler = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    assert read(without_pooler).parts == {"encoder"}
    del tensors["bert.pooler.dense.bias"]
    with pytest.raises(ModelError, match=r"missing tensors: 1 \(bert.pooler.dense.bias\)"):
        read(tensors)


def test_missing_tensors_are_counted_and_five_named() -> None:
    tensors = {name: tensor for name, tensor in hugging_face().items() if ".layer.1." not in name}
    with pytest.raises(ModelError) as error:
        read(tensors)
    assert "missing tensors: 16 (" in str(error.value)
    assert str(error.value).count("bert.encoder.layer.1.") == 5


@pytest.mark.parametrize(
    "name",
    [
        "bert.encoder.layer.2.output.dense.weight",
        "bert.encoder.layer.0.crossattention.self.query.weight",
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "cls.predictions.extra",
    ],
)
def test_what_the_network_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="tensors that this network does not have: 1"):
        read({**hugging_face(), name: torch.ones(1)})


def test_heads_of_others_are_reported() -> None:
    assert read({**hugging_face(), "lm_head.weight": torch.ones(2, 12)}).ignored == ("lm_head.weight",)


def test_wrong_shapes_name_both() -> None:
    tensors = hugging_face() | {"bert.pooler.dense.weight": torch.ones(12, 11)}
    with pytest.raises(ModelError) as error:
        read(tensors)
    expected = 'tensor bert.pooler.dense.weight: expected shape (12, 12), got "(12, 11)"'
    assert expected in str(error.value)


def test_weights_of_whole_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="floating-point"):
        read(hugging_face() | {"bert.pooler.dense.bias": torch.ones(12, dtype=torch.int64)})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype) -> None:
    weights = read({name: tensor.to(dtype) for name, tensor in hugging_face().items()})
    assert {tensor.dtype for tensor in weights.tensors.values()} == {torch.float32}
    torch.testing.assert_close(
        weights.tensors["encoder.pooler.dense.weight"], OURS["encoder.pooler.dense.weight"].to(dtype).float()
    )


@pytest.mark.parametrize("write", [to_hugging_face, to_tensorflow])
def test_a_name_outside_the_table_cannot_be_written(write: Callable[..., dict[str, Tensor]]) -> None:
    with pytest.raises(KeyError):
        write({"encoder.surprise": torch.ones(1)}, CONFIG)


def test_heads_of_tensorflows_that_are_no_layer() -> None:
    stored = to_tensorflow(OURS, CONFIG) | {"output_bias": torch.ones(3)}
    for shape in ((), (3,), (0, 12), (3, 12, 1), (4, 12)):
        stored["output_weights"] = torch.ones(shape)
        with pytest.raises(ModelError, match=r"tensor output_(weights|bias): expected shape"):
            from_tensorflow(stored, stored.__getitem__, CONFIG, "x.index", allow_nonfinite=True)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"),
        ("bert.pooler.dense.bias", "pooler.dense.bias"),
    ],
)
def test_two_names_of_one_tensor_are_refused(name: str, twin: str) -> None:
    tensors = hugging_face()
    with pytest.raises(ModelError, match=f'tensor {name}: expected a single name, got "also {twin}"'):
        read(tensors | {twin: tensors[name] + 1})
