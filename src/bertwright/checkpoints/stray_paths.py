"""Paths that were given as models and are something else: said by what they are."""

from __future__ import annotations

import os
from pathlib import Path

from bertwright.checkpoints import members
from bertwright.durable import read_claim
from bertwright.errors import ModelError, shown_path

_EXPECTED = "a model folder"
_OURS = {
    "store": ("a token store", "pretrain makes a model of it"),
    "vocabulary": ("a vocabulary", "prepare and pretrain make a model with it"),
    "checkpoint": ("a checkpoint of a run", "the model is beside it once the run has ended"),
    "comparison": ("a comparison", None),
    "features": ("stored features", None),
}
"""What a manifest calls it -> what it is, and how one comes from it to a model."""
_OF_THE_HUB = (
    "names of the hub are not downloaded: fetch the folder, e.g. "
    "hf download google-bert/bert-base-uncased --local-dir bert-base, and give its path"
)


def refuse_absent(path: Path) -> None:
    """Raise for a path that is no folder.

    Raises:
        ModelError: a name that could be one of Hugging Face's hub is told how to get that folder.
    """
    if path.is_dir():
        return
    members.refuse_file(path)
    if path.exists():
        raise ModelError.at(path, _EXPECTED, "a file")
    parts = path.parts
    is_name = not path.is_absolute() and len(parts) <= 2 and not (len(parts) == 2 and path.parent.exists())
    raise ModelError.at(path, _EXPECTED, "nothing there", hint=_OF_THE_HUB if is_name else None)


def refuse_other(folder: Path) -> None:
    """Raise for a folder without ``config.json``, which is therefore no model.

    Raises:
        ModelError: says what it is instead, and where the model is.
    """
    if os.path.lexists(folder / members.CONFIG):
        return
    if (folder / "settings.json").exists() and (folder / "run.json").exists():
        model = folder / "model"
        there = (model / members.CONFIG).exists()
        hint = (
            f"its model is {shown_path(model)}" if there else "it has no model yet: pretrain --resume goes on"
        )
        raise ModelError.at(folder, _EXPECTED, "a pre-training run", hint=hint)
    claim = read_claim(folder)
    if claim is not None and claim.kind in _OURS:
        found, hint_or_none = _OURS[claim.kind]
        raise ModelError.at(folder, _EXPECTED, found, hint=hint_or_none)
    members.refuse_pickles(folder)
    raise ModelError.at(folder, _EXPECTED, f"no {members.CONFIG} in it")
