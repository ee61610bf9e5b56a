"""onnxruntime asked with PyTorch's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bertwright.errors import ModelError, RunError
from bertwright.export import libraries


class Session:
    """A graph that is ready to compute, on the processor.

    One batch is computed by one thread: several batches at once scale better than the small operators of one
    do, and nothing waits by spinning. The session may be asked from several threads.

    Args:
        model: gives the file's bytes when it is first asked; nothing is read from a disk.
        source: named in errors.
    """

    def __init__(self, model: Callable[[], bytes], source: str) -> None:
        self._model = model
        self._source = source
        self._lock = Lock()
        self._session: Any = None

    def prepare(self) -> Any:
        """Make the graph ready, if that is not done.

        Raises:
            UsageError: the extra ``onnx`` is not installed.
            ModelError: onnxruntime does not take the graph.
        """
        with self._lock:
            if self._session is None:
                self._session = self._prepared()
        return self._session

    def _prepared(self) -> Any:
        runtime = libraries.onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            return runtime.InferenceSession(self._model(), options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # its errors have no common class of their own
            expected = "a graph that onnxruntime takes"
            raise ModelError.at(self._source, expected, _first_line(problem)) from None

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """The values of ``outputs``.

        Raises:
            UsageError, ModelError: as :meth:`prepare`.
            RunError: onnxruntime could not compute them.
        """
        session = self.prepare()
        given: dict[str, Any] = {
            name: np.ascontiguousarray(tensor.cpu().numpy(), dtype=np.int64)
            for name, tensor in inputs.items()
        }
        try:
            found = session.run(list(outputs), given)
        except Exception as problem:
            raise RunError(f"{self._source}: onnxruntime failed: {_first_line(problem)}") from None
        return [torch.from_numpy(array) for array in found]


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n", 1)[0]
