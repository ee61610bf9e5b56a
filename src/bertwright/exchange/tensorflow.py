"""A model as the folder of a TensorFlow 1 checkpoint."""

from __future__ import annotations

from pathlib import Path

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensorflow.saving import save_tensorflow
from bertwright.exchange.request import Request


def write_tensorflow(folder: ModelFolder, path: Path, request: Request) -> None:
    """Write ``folder`` as the new folder ``path``.

    Raises:
        ModelError: the original code of BERT would compute something else, or has no such head.
        DiskError: the file system refused.
    """
    provenance = {**folder.provenance, "converted_from": dict(request.origin)}
    save_tensorflow(path, folder, provenance=provenance)
