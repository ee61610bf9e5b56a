"""The optional packages, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from bertwright.extras import needed


def onnx() -> Any:
    """The package ``onnx``: the format.

    Raises:
        UsageError: it is not installed.
    """
    return _imported("onnx")


def onnxruntime() -> Any:
    """The package ``onnxruntime``, which computes; its remarks on graphs are for its developers.

    Raises:
        UsageError: it is not installed.
    """
    module = _imported("onnxruntime")
    module.set_default_logger_severity(4)  # what fails is raised as well
    return module


def _imported(name: str) -> Any:
    with needed(name, extra="onnx", purpose="ONNX models"):
        return importlib.import_module(name)
