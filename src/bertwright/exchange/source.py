"""The model to be converted, in whatever format it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.exchange.pickled import pickled_weights, read_pickled


@dataclass(frozen=True)
class Source:
    """An opened model, and where it comes from."""

    folder: ModelFolder
    format: str
    """``bertwright``, ``Hugging Face``, ``Hugging Face (pickled)`` or ``TensorFlow 1``."""

    @property
    def origin(self) -> dict[str, Any]:
        """For the provenance of what is made of it."""
        return {
            "name": self.folder.path.resolve().name,
            "format": self.format,
            "digest": self.folder.digest,
        }


def open_source(path: Path, scratch: Path, *, lower_case: bool | None = None) -> Source:
    """Open any model, weights in pickles too: those are read by a process of their own.

    Args:
        path: see :func:`~bertwright.checkpoints.model_folder.open_model`; also a folder with
            ``pytorch_model.bin`` or its shards and no safetensors.
        scratch: an empty directory, used only for pickles.
        lower_case: overrides the stored casing.

    Raises:
        InputError: as ``open_model``, and as :func:`~bertwright.exchange.pickled.read_pickled`.
    """
    pickles = pickled_weights(path)
    if pickles:
        files = read_pickled(pickles, scratch)
        folder = open_model(path, lower_case=lower_case, weight_files=files)
        return Source(folder, "Hugging Face (pickled)")
    folder = open_model(path, lower_case=lower_case)
    if members.is_tensorflow(folder.path):
        return Source(folder, "TensorFlow 1")
    return Source(folder, "bertwright" if "digest" in folder.manifest else "Hugging Face")
