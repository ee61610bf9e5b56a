"""The modules of a sentence-transformers folder, written: the counterpart of :mod:`sentence_modules`."""

from __future__ import annotations

import json
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.sentence_modules import (
    MODULE_CONFIG,
    MODULES,
    SENTENCE_CONFIG,
    TRANSFORMER_CONFIG,
)
from bertwright.checkpoints.sentence_recipe import ACTIVATIONS, MODE_KEYS, SentenceRecipe
from bertwright.checkpoints.tensor_file import write_tensors
from bertwright.durable import NewDirectory
from bertwright.model.config import BertConfig

WRITTEN_AS = "2.2.0"
"""The version of the library whose layout this is; all later ones read it."""

_FIRST = 4
"""So many switches of a ``Pooling`` the version above knows."""

_CLASS = "sentence_transformers.models."


def write_modules(new: NewDirectory, recipe: SentenceRecipe, config: BertConfig) -> None:
    """Write ``modules.json`` and what it leads to beside the encoder in ``new``.

    Args:
        recipe: of the vectors.
        config: of the encoder.

    Raises:
        DiskError: the file system refused.
    """
    folders = [("Transformer", ""), ("Pooling", "1_Pooling")]
    folders += [("Dense", f"{number}_Dense") for number in range(2, 2 + len(recipe.dense))]
    if recipe.normalize:
        folders.append(("Normalize", f"{len(folders)}_Normalize"))
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": _CLASS + kind}
        for number, (kind, path) in enumerate(folders)
    ]
    new.write(MODULES, _json(modules))
    new.write(TRANSFORMER_CONFIG, _json(_transformer(recipe, config)))
    new.write(SENTENCE_CONFIG, _json(_whole(recipe)))
    new.write(f"1_Pooling/{MODULE_CONFIG}", _json(_pooling(recipe, config)))
    for number, layer in enumerate(recipe.dense, 2):
        tensors = {"linear.weight": layer.weight}
        if layer.bias is not None:
            tensors["linear.bias"] = layer.bias
        values = {
            "in_features": layer.weight.shape[1],
            "out_features": layer.weight.shape[0],
            "bias": layer.bias is not None,
            "activation_function": next(
                name for name, ours in ACTIVATIONS.items() if ours == layer.activation
            ),
        }
        new.write(f"{number}_Dense/{MODULE_CONFIG}", _json(values))
        write_tensors(new, f"{number}_Dense/{members.WEIGHTS}", tensors, {"format": "pt"})
    if recipe.normalize:  # it has no settings, but newer versions of the library look for a file
        new.write(f"{folders[-1][1]}/{MODULE_CONFIG}", _json({}))


def _transformer(recipe: SentenceRecipe, config: BertConfig) -> dict[str, Any]:
    length = recipe.max_length or config.max_position_embeddings
    return {"max_seq_length": length, "do_lower_case": recipe.lower_case}


def _pooling(recipe: SentenceRecipe, config: BertConfig) -> dict[str, Any]:
    chosen = recipe.pooling.split("+")
    keys = list(MODE_KEYS)[:_FIRST] + [key for key in list(MODE_KEYS)[_FIRST:] if MODE_KEYS[key] in chosen]
    values: dict[str, Any] = {"word_embedding_dimension": config.hidden_size}
    values |= {key: MODE_KEYS[key] in chosen for key in keys}
    if chosen != [mode for mode in MODE_KEYS.values() if mode in chosen]:
        values["pooling_mode"] = chosen  # an order that switches cannot say; newer versions prefer this key
    return values


def _whole(recipe: SentenceRecipe) -> dict[str, Any]:
    prompts = {"default": recipe.prompt} if recipe.prompt else {}
    values: dict[str, Any] = {
        "__version__": {"sentence_transformers": WRITTEN_AS},
        "prompts": prompts,
        "default_prompt_name": next(iter(prompts), None),
        "similarity_fn_name": "cosine",
    }
    return values if recipe.dimensions is None else values | {"truncate_dim": recipe.dimensions}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
