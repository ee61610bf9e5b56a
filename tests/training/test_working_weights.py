"""Copies of weights in bf16: who gets the gradient, who writes them, and that nothing else changes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pretraining.small_run import records, run
from torch import Tensor, nn

from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.model import linear as linear_module
from bertwright.model import working_weights as module
from bertwright.model.config import BertConfig
from bertwright.model.linear import Linear, copy_of
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.working_weights import (
    WorkingWeights,
    gather,
    gradient_of,
    weights_of_products,
    working_weights,
)
from bertwright.training import precision
from bertwright.training.adamw import AdamW
from bertwright.training.choices import OptimizerName
from bertwright.training.gradients import Gradients
from bertwright.training.optimizers import build_optimizer
from bertwright.training.ranks import Ranks


@pytest.fixture
def products_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with instructions for them; they are right on any other."""
    for where in (linear_module, module):
        monkeypatch.setattr(where, "has_bf16", lambda: True)


def backward(layer: Linear, rows: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(rows)
    (result.float() ** 2).sum().backward()
    return result.detach()


@pytest.mark.usefixtures("products_in_bf16")
def test_the_copy_gets_the_gradient() -> None:
    torch.manual_seed(0)
    layer, rows = Linear(6, 5), torch.randn(4, 6)
    plain = backward(layer, rows)
    assert layer.weight.grad is not None
    wanted, layer.weight.grad = layer.weight.grad, None
    with WorkingWeights([layer.weight]):
        copy = copy_of(layer.weight)
        assert copy is not None
        assert torch.equal(copy, layer.weight.to(torch.bfloat16))
        assert torch.equal(backward(layer, rows), plain)
        assert layer.weight.grad is None
        found = gradient_of(layer.weight)
        assert found is not None
        assert found.dtype == torch.bfloat16
        assert torch.equal(found.float(), wanted)  # which was rounded too, before it was widened
        gather(layer.weight)
        assert copy.grad is None
        assert layer.weight.grad is not None
        assert torch.equal(layer.weight.grad, wanted)
    assert copy_of(layer.weight) is None


def test_whose_copies() -> None:
    """All matrices that multiply: also the words, which are those of the output layer; but no others."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForPreTraining(BertConfig(vocab_size=50, **sizes))
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {names[weight] for weight in weights_of_products(model)}
    matrices = {name for name, parameter in model.named_parameters() if parameter.ndim == 2}
    tables = {name for name in matrices if "position" in name or "token_type" in name}
    assert found == matrices - tables
    assert len(found) == 2 * 4 + 4
    model.encoder.pooler.requires_grad_(False)
    with WorkingWeights(weights_of_products(model)):
        assert copy_of(model.encoder.pooler.dense.weight) is None
        assert copy_of(model.encoder.embeddings.word_embeddings.weight) is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["adamw", "bert-adam"])
def test_an_update_writes_both(name: OptimizerName, dtype: torch.dtype) -> None:
    """As one without copies, by the same gradients."""
    torch.manual_seed(0)
    shapes = [(7, 3), (1, 1), (64, 130)]
    ours, theirs = (nn.ParameterList(nn.Parameter(torch.zeros(shape)) for shape in shapes) for _ in range(2))
    with torch.no_grad():
        for one, other in zip(ours, theirs, strict=True):
            other.copy_(one.normal_())
    first, second = (build_optimizer(model, name, weight_decay=0.1) for model in (ours, theirs))
    with WorkingWeights(ours):
        for step in range(5):
            for one, other in zip(ours, theirs, strict=True):
                gradient = torch.randn(one.shape).to(dtype)
                copy = copy_of(one)
                assert copy is not None
                one.grad, copy.grad = (gradient.clone(), None) if dtype == torch.float32 else (None, gradient)
                other.grad = gradient.float()
            for optimizer in (first, second):
                optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
                optimizer.step()
            for one, other in zip(ours, theirs, strict=True):
                copy = copy_of(one)
                assert copy is not None
                assert torch.equal(copy, one.to(torch.bfloat16))
                torch.testing.assert_close(one, other, rtol=2e-6, atol=1e-6)
                for key, kept in second.state[other].items():
                    torch.testing.assert_close(first.state[one][key], kept, rtol=1e-5, atol=1e-7)


@given(size=st.integers(1, 3000), seed=st.integers(0, 99), scale=st.floats(1, 100))
@settings(deadline=None, max_examples=25)
def test_a_scaled_gradient(size: int, seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    start, gradient = torch.randn(size, generator=generator), torch.randn(size, generator=generator)
    found = []
    for factor, given_scale in ((1.0, None), (2.0**20, torch.tensor(2.0**20)), (scale, torch.tensor(scale))):
        weight = nn.Parameter(start.clone())
        optimizer = AdamW([{"params": [weight], "weight_decay": 0.1}], lr=0.01)
        optimizer.grad_scale = given_scale
        with WorkingWeights([weight]):
            weight.grad = gradient * factor
            optimizer.step()
        found.append((weight.detach(), optimizer.state[weight]["exp_avg"]))
    assert all(torch.equal(one, other) for one, other in zip(found[0], found[1], strict=True))
    for one, other in zip(found[0], found[2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_skipped_update() -> None:
    weight = nn.Parameter(torch.ones(3))
    optimizer = AdamW([{"params": [weight]}], lr=0.01)
    with WorkingWeights([weight]):
        weight.grad, optimizer.found_inf = torch.ones(3), torch.tensor(1.0)
        optimizer.step()
        assert weight.tolist() == [1.0] * 3
        assert copy_of(weight).tolist() == [1.0] * 3  # type: ignore[union-attr]
        assert all(not moment.any() for moment in optimizer.state[weight].values())  # the step too


@pytest.mark.parametrize("name", ["adamw", "bert-adam"])
def test_both_gradients_count(name: OptimizerName) -> None:
    """As of a matrix that is looked up, too."""
    weight = nn.Parameter(torch.zeros(1, 1))
    optimizer = build_optimizer(nn.ParameterList([weight]), name)
    with WorkingWeights([weight, weight]):
        copy = copy_of(weight)
        assert copy is not None
        weight.grad, copy.grad = torch.tensor([[1.0]]), torch.tensor([[5.0]], dtype=torch.bfloat16)
        optimizer.step()
    assert optimizer.state[weight]["exp_avg"].item() == pytest.approx(0.6)


def test_what_ends_the_block_passes() -> None:
    weight = nn.Parameter(torch.zeros(1, 1))
    with pytest.raises(RuntimeError, match="over"), WorkingWeights([weight, weight]):
        raise RuntimeError("over")
    assert copy_of(weight) is None


def test_micro_batches_are_added_up_in_float32() -> None:
    """In bf16, 256 and 1 would be 256."""
    weight, other = nn.Parameter(torch.zeros(1, 2)), nn.Parameter(torch.zeros(1))
    gradients = Gradients([weight, other], Ranks())
    with WorkingWeights([weight]):
        copy = copy_of(weight)
        assert copy is not None
        for number in (256.0, 1.0):
            gradients.expect(last=number == 1.0)
            copy.grad = torch.full((1, 2), number, dtype=torch.bfloat16)
        other.grad = torch.tensor([3.0])
        gradients.reduce()
        assert weight.grad is not None
        assert weight.grad.tolist() == [[257.0, 257.0]]
        assert gradients.norm().item() == pytest.approx((2 * 257**2 + 9) ** 0.5)
        gradients.clear()
        assert gradient_of(weight) is None
        assert gradient_of(other) is None
        copy.grad, other.grad = torch.full((1, 2), 256.0, dtype=torch.bfloat16), torch.tensor([1.0])
        gradients.reduce()
        assert gradients.norm().item() == pytest.approx((2 * 256**2 + 1) ** 0.5)
        assert weight.grad is None  # one micro-batch: it stays as the product left it
        gradients.scale(0.3)
        assert weight.grad is not None
        assert torch.allclose(weight.grad, torch.full((1, 2), 76.8))


def _weights(folder: Path) -> dict[str, Tensor]:
    return read_tensors(folder / "model/model.safetensors")


@pytest.mark.usefixtures("products_in_bf16")
@pytest.mark.parametrize("micro_batch_size", [8, 4])
def test_a_run_is_the_same_with_them(
    micro_batch_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[bool] = []

    def watched(model: nn.Module) -> contextlib.AbstractContextManager[object]:
        used.append(True)
        return working_weights(model)

    monkeypatch.setattr(precision, "working_weights", watched)
    run(tmp_path / "with", precision="bf16", micro_batch_size=micro_batch_size)
    assert used == [True]
    monkeypatch.setattr(precision, "working_weights", lambda _: contextlib.nullcontext())
    run(tmp_path / "without", precision="bf16", micro_batch_size=micro_batch_size)
    found, expected = (
        [record["loss"] for record in records(tmp_path / name) if record["kind"] == "train"]
        for name in ("with", "without")
    )
    assert len(found) == 12
    assert found == pytest.approx(expected, rel=1e-3)
    for name, tensor in _weights(tmp_path / "without").items():
        torch.testing.assert_close(_weights(tmp_path / "with")[name], tensor, rtol=0, atol=1e-3, msg=name)


def test_only_where_products_are_in_bf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "working_weights", lambda _: pytest.fail("asked for"))
    run(tmp_path / "run", precision="fp32", steps=2)
