"""The optional packages, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from bertwright.errors import UsageError


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
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise UsageError(
            f"ONNX models: expected the package {name}, got none that can be imported: {problem} "
            "(pip install 'bertwright[onnx]')"
        ) from None
