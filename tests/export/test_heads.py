"""Every head as a graph gives what PyTorch gives, for any number of rows of any length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import small_models
import torch
from export.conftest import TASKS, Questions, exported, questions
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.errors import ModelError
from bertwright.export.building import build
from bertwright.export.folder import OnnxFolder
from bertwright.export.writing import export
from bertwright.model.config import ACTIVATIONS, BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining

SHAPES = ([1], [7], [40], [3, 3, 3], [9, 4, 1], [40, 2], [5, 40, 17, 17, 1, 8])
lengths = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def close(ours: torch.Tensor, theirs: torch.Tensor, asked: Questions, bound: float = 1e-4) -> None:
    """By token only where tokens are: at padding nothing is promised."""
    assert ours.shape == theirs.shape
    kept = asked.attention_mask if ours.dim() == 3 and ours.shape[:2] == asked.input_ids.shape else ...
    assert torch.isfinite(ours).all()
    torch.testing.assert_close(ours[kept], theirs[kept], atol=bound, rtol=0)


def test_all_heads_are_here(models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder]) -> None:
    found = {head for folder in models.values() for head in folder.heads}
    assert found == {"masked_language", "next_sentence", "sequence", "token", "span", "choice"}
    for name, folder in graphs.items():
        assert folder.heads == models[name].heads
        assert folder.task == models[name].task
        assert folder.labels == models[name].labels
        assert sum(folder.sizes.values()) == sum(t.numel() for t in models[name].weights.tensors.values())


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tasks(
    models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder], name: str, shape: list[int]
) -> None:
    cls, count, _ = TASKS[name]
    asked = questions(shape)
    with torch.no_grad():
        expected = models[name].task_model(cls)(*asked)
    network = graphs[name].task_model(cls)
    assert network.num_labels == count
    close(network(*asked), expected, asked)


@given(lengths=lengths, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_encoder_of_any_rows(
    models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder], lengths: list[int], seed: int
) -> None:
    asked = questions(lengths, seed)
    with torch.no_grad():
        expected = models["encoder"].encoder()(*asked)
    found = graphs["encoder"].encoder()(*asked)
    close(found.last_hidden_state, expected.last_hidden_state, asked)
    close(found.pooled_output, expected.pooled_output, asked)


@given(lengths=lengths, seed=st.integers(0, 99), count=st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_pretraining_heads(
    models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder], lengths: list[int], seed: int, count: int
) -> None:
    asked = questions(lengths, seed)
    tokens = asked.attention_mask.reshape(-1).nonzero().squeeze(1)[:count]
    with torch.no_grad():
        expected = models["pretrained"].pretraining_model()(*asked, tokens)
    found = graphs["pretrained"].pretraining_model()(*asked, tokens)
    close(found.mlm_logits, expected.mlm_logits, asked)
    close(found.nsp_logits, expected.nsp_logits, asked)


def test_a_decoder_of_its_own(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    config = small_models.config(len(words.vocabulary)).model_copy(update={"tie_word_embeddings": False})
    model = BertForPreTraining(config, seed=6).eval()
    save_model(tmp_path / "untied", model, words, task=None, provenance={})
    folder = open_model(tmp_path / "untied")
    graph = exported(folder, tmp_path / "graph")
    asked, places = questions([9, 4]), torch.tensor([1, 5, 12])
    with torch.no_grad():
        expected = model(*asked, places)
    close(graph.pretraining_model()(*asked, places).mlm_logits, expected.mlm_logits, asked)
    assert sum(graph.sizes.values()) == sum(tensor.numel() for tensor in folder.weights.tensors.values())


def test_without_mask_and_segments(models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder]) -> None:
    asked = questions([6, 6])
    with torch.no_grad():
        expected = models["encoder"].encoder()(asked.input_ids).last_hidden_state
    close(graphs["encoder"].encoder()(asked.input_ids).last_hidden_state, expected, asked)


def test_a_row_of_padding_alone_stays_finite(
    models: dict[str, ModelFolder], graphs: dict[str, OnnxFolder]
) -> None:
    asked = questions([4, 4])
    asked.attention_mask[1] = False
    with torch.no_grad():
        expected = models["classify"].task_model(TASKS["classify"][0])(*asked)
    close(graphs["classify"].task_model(TASKS["classify"][0])(*asked), expected, asked)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_every_activation(act: str) -> None:
    config = BertConfig(
        vocab_size=100,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=40,
        hidden_act=act,
        initializer_range=0.4,
    )
    encoder = BertEncoder(config, seed=4).eval()
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    data = build(config, tensors, ["encoder", "pooler"])
    session = onnx_session(data)
    asked = questions([9, 4])
    with torch.no_grad():
        expected = encoder(*asked)
    hidden, pooled = session.run(None, feeds(asked))
    close(torch.from_numpy(hidden), expected.last_hidden_state, asked)
    close(torch.from_numpy(pooled), expected.pooled_output, asked)


def onnx_session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def feeds(asked: Questions) -> dict[str, np.ndarray]:
    return {name: value.long().numpy() for name, value in asked._asdict().items()}


def test_the_file_is_valid_and_standard(models: dict[str, ModelFolder]) -> None:
    """What others see: the checker is content, all operators are the standard's, names are the usual ones."""
    for name, folder in models.items():
        model = onnx.load_model_from_string(export(folder, "float32").data)
        onnx.checker.check_model(model, full_check=True)
        assert [entry.domain for entry in model.opset_import] == [""], name
        assert {node.domain for node in model.graph.node} == {""}
        given = {value.name for value in model.graph.input}
        assert {"input_ids", "attention_mask", "token_type_ids"} <= given
    outputs = {
        value.name
        for value in onnx.load_model_from_string(export(models["answer"], "float32").data).graph.output
    }
    assert outputs == {"last_hidden_state", "start_logits", "end_logits"}


def test_equal_weights_give_equal_bytes(models: dict[str, ModelFolder]) -> None:
    for precision in ("float32", "int8"):
        assert export(models["tag"], precision).data == export(models["tag"], precision).data  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TASKS)
def test_rounded_heads_follow(
    models: dict[str, ModelFolder], rounded_graphs: dict[str, OnnxFolder], name: str
) -> None:
    """With and without padding, which take two ways through the graph."""
    cls = TASKS[name][0]
    for shape in ([12, 12, 12], [12, 5, 9]):
        asked = questions(shape)
        with torch.no_grad():
            expected = models[name].task_model(cls)(*asked)
        found = rounded_graphs[name].task_model(cls)(*asked)
        kept = asked.attention_mask if found.dim() == 3 else ...
        error = (found - expected)[kept].pow(2).mean().sqrt()
        assert error < 0.25  # weights so large make much of little


def test_padding_does_not_change_a_rounded_answer(rounded_graphs: dict[str, OnnxFolder]) -> None:
    """A column of padding alone takes the other branch, and rounds with other scales: near it stays."""
    encoder = rounded_graphs["encoder"].encoder()
    asked = questions([11, 11])
    wider = Questions(*(torch.nn.functional.pad(part, (0, 1)) for part in asked))
    near = encoder(*asked).last_hidden_state
    wide = encoder(*wider).last_hidden_state[:, :11]
    assert (near - wide).abs().max() < 0.5
    assert torch.nn.functional.cosine_similarity(near, wide, dim=-1).min() > 0.99


def test_heads_that_need_a_pooler_say_so(models: dict[str, ModelFolder]) -> None:
    folder = models["classify"]
    weights = folder.weights
    without = replace(weights, parts=weights.parts - {"pooler"})
    with pytest.raises(ModelError, match="a pooler, which the sequence head reads"):
        export(replace(folder, weights=without), "float32")
