"""Initial weights, drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from bertwright.randomness import torch_seed


@contextmanager
def without_numbers() -> Iterator[None]:
    """Modules made inside have their parameters on the meta device: shapes alone, to be filled later."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """Leaves out PyTorch's own initial values: even without numbers they load its compiler, for a second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


def initialize(module: nn.Module, initializer_range: float, seed: int) -> None:
    """Give every parameter of ``module`` (on the meta device: storage on the CPU first) its initial value.

    ==============================================  ==========================================================
    tensor                                          distribution (s = ``initializer_range``)
    ==============================================  ==========================================================
    every matrix: embeddings, projections, heads    normal(0, s) cut at -2s and 2s: true deviation 0.88 s
    scale of layer normalization                    1
    every bias                                      0
    ==============================================  ==========================================================

    A matrix is drawn from a generator named by ``seed`` and its own name, so that adding a head to an encoder
    does not change the encoder's weights. The masked-language head has no matrix of its own for the
    vocabulary, unless it is untied: it is handed the word embeddings.

    Source: ``modeling.create_initializer`` and ``tf.truncated_normal_initializer``.
    """
    allocate(module)
    for name, parameter in module.named_parameters():
        _draw(name, parameter, initializer_range, seed)


def allocate(module: nn.Module) -> None:
    """Put every parameter of ``module`` that is on the meta device on the CPU, its numbers undefined.

    ``Module.to_empty`` would import PyTorch's symbolic shapes for it, half a second of every start.
    """
    for name, parameter in list(module.named_parameters()):
        if parameter.is_meta:
            _given_storage(module, name, parameter)


def initialize_absent(module: nn.Module, parts: Collection[str], initializer_range: float, seed: int) -> None:
    """Give initial values to what is on the meta device of some parts, as :func:`initialize` would.

    Args:
        parts: names of submodules of an encoder or of a model with heads, such as ``pooler``.
    """
    for name, parameter in list(module.named_parameters()):
        if parameter.is_meta and name.removeprefix("encoder.").split(".")[0] in parts:
            _draw(name, _given_storage(module, name, parameter), initializer_range, seed)


def _given_storage(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter:
    owner, _, leaf = name.rpartition(".")
    held = nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype), parameter.requires_grad)
    setattr(module.get_submodule(owner), leaf, held)
    return held


def _draw(name: str, parameter: nn.Parameter, initializer_range: float, seed: int) -> None:
    if parameter.dim() > 1:
        purpose = "initialization of " + name.removeprefix("encoder.")
        generator = torch.Generator().manual_seed(torch_seed(seed, purpose))
        bound = 2 * initializer_range
        nn.init.trunc_normal_(parameter, 0.0, initializer_range, -bound, bound, generator=generator)
    elif name.endswith("layer_norm.weight"):
        nn.init.ones_(parameter)
    else:
        nn.init.zeros_(parameter)
