"""The files of a model folder: found, and opened only when they really lie inside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from bertwright import durable, strict_json
from bertwright.checkpoints.magic import refuse_foreign_format
from bertwright.durable import check_name, check_new_directory
from bertwright.errors import ModelError, shown_path

CONFIG = "config.json"
TENSORFLOW_CONFIG = "bert_config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"
ONNX = "model.onnx"
CARD = "README.md"
MANIFEST_NAME = "bertwright.json"
KIND = "model"
"""Of a model folder, in its manifest."""
CONFIG_BYTES = 16 << 20
"""Of a ``config.json``: it names each class twice."""

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.npz", "*.h5", ".metadata")
"""Where other libraries keep weights that are not opened here."""


def member(folder: Path, name: str) -> Path:
    """The path of the file ``name`` of ``folder``; see :func:`bertwright.durable.member`.

    Raises:
        ModelError: the name is not plain, nothing is there, it is no regular file, or a link leads elsewhere.
    """
    check_name(name, folder, ModelError)
    return durable.member(folder, name, ModelError)


def load_config(source: Path) -> Any:
    """The value in a ``config.json``, which may name many classes.

    Raises:
        ModelError: see :func:`bertwright.strict_json.load`.
    """
    return strict_json.load(source, error=ModelError, max_bytes=CONFIG_BYTES)


def check_output(path: str | Path, overwrite: bool) -> None:
    """Refuse what no new model folder may replace; see :func:`bertwright.durable.check_new_directory`.

    Raises:
        OutputExistsError, UsageError: before any work.
    """
    check_new_directory(path, KIND, overwrite, MANIFEST_NAME)


def subfolder(folder: Path, name: str) -> Path:
    """The path of a folder inside ``folder``, there or not.

    Raises:
        ModelError: the name is not plain, or a link stands there.
    """
    check_name(name, folder, ModelError)
    path = folder / name
    if path.is_symlink():
        raise ModelError.at(path, "a folder inside the model folder", f"a link to {os.readlink(path)}")
    return path


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a Hugging Face folder: one, or the shards that its index names.

    Raises:
        ModelError: there are none; weights in pickles are named as the reason, and not opened.
    """
    if (folder / WEIGHTS).exists():
        return [member(folder, WEIGHTS)]
    if (folder / WEIGHTS_INDEX).exists():
        return indexed_files(folder, WEIGHTS_INDEX)
    refuse_pickles(folder)
    if (folder / ONNX).exists():
        hint = "it answers, but it has no weights to train, to look into or to convert"
        raise ModelError.at(folder, f"a folder with {WEIGHTS}", "one exported to ONNX", hint=hint)
    raise ModelError.at(folder, f"a folder with {WEIGHTS}", "none there")


def indexed_files(folder: Path, name: str) -> list[Path]:
    """The files that the index ``name`` of ``folder`` says tensors are in, each once.

    Raises:
        ModelError: the index is malformed, names nothing, or a file that is not inside the folder.
    """
    index = strict_json.load(member(folder, name), error=ModelError, max_bytes=10 << 20)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(file, str) for file in weight_map.values()):
        raise ModelError.at(folder / name, "a weight_map from tensors to files", weight_map)
    if not weight_map:
        raise ModelError.at(folder / name, "a weight_map with tensors", "an empty one")
    return [member(folder, file) for file in sorted(set(weight_map.values()))]


def refuse_pickles(folder: Path) -> None:
    """Raise if ``folder`` keeps its weights in pickles or in another format that is never opened.

    Raises:
        ModelError: naming the first such file.
    """
    for pattern in _PICKLED:
        for path in sorted(folder.glob(pattern)):
            refuse_file(path)


def refuse_file(path: Path) -> None:
    """Raise for a file whose first bytes are those of a format that is never opened.

    Raises:
        ModelError: see :func:`~bertwright.checkpoints.magic.refuse_foreign_format`.
    """
    if path.is_file():
        with path.open("rb") as file:
            refuse_foreign_format(path, file.read(520))


def is_tensorflow(folder: Path) -> bool:
    """Whether ``folder`` holds a TensorFlow 1 checkpoint, and no model of another format."""
    return (folder / TENSORFLOW_CONFIG).exists() and not (folder / CONFIG).exists()


def is_checkpoint_prefix(path: Path) -> bool:
    """Whether ``path`` names one TensorFlow 1 checkpoint: that of ``path.index``."""
    # a path without a name, such as ".", is a folder and begins the name of no file
    return bool(path.name) and os.path.isfile(path.with_name(path.name + ".index"))  # false if too long


def tensorflow_prefix(folder: Path) -> Path:
    """The one TensorFlow checkpoint in ``folder``, as its path without ``.index``.

    Raises:
        ModelError: none there, or several.
    """
    found = sorted(folder.glob("*.index"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        hint = "name one of them, without .index" if found else None
        raise ModelError.at(folder, "one checkpoint (NAME.index and NAME.data-…)", names, hint=hint)
    return found[0].with_suffix("")


def permission_notes(folder: Path) -> list[str]:
    """A remark on every file that another user of the machine could change."""
    notes = []
    for path in sorted(folder.iterdir()):
        status = path.stat() if path.exists() else None
        if status is not None and stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWOTH:
            notes.append(f"{shown_path(path)}: every user of this machine may change it")
    return notes
