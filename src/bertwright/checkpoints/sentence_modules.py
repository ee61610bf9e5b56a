"""The modules of a sentence-transformers folder, read into a recipe: ``modules.json`` and what it names.

``Transformer``, ``Pooling``, then any ``Dense`` and last ``Normalize``. The encoder lies in the folder itself
or, in older ones, in ``0_Transformer``. Anything else is refused by its name: its vectors would not be those
of the library. No class that a file names is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from bertwright import strict_json
from bertwright.checkpoints import members
from bertwright.checkpoints.sentence_recipe import ACTIVATIONS, MODE_KEYS, DenseLayer, SentenceRecipe
from bertwright.checkpoints.tensor_file import read_tensors, require_finite
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.tokenization.folder import TOKENIZER_CONFIG

MODULES = "modules.json"
TRANSFORMER_CONFIG = "sentence_bert_config.json"
SENTENCE_CONFIG = "config_sentence_transformers.json"
MODULE_CONFIG = "config.json"

_LIBRARY = "sentence_transformers."
_KNOWN = ("Transformer", "Pooling", "Dense", "Normalize")
_HINT = "without modules.json the folder opens as the BERT alone"
_VECTOR = "sentence_embedding"
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
    "modality_config": ({"text": {"method": "forward", "method_output_name": "last_hidden_state"}},),
    "unpad_inputs": (True, False),  # of speed, not of numbers
}
"""Fields of ``sentence_bert_config.json`` that may say so much; all others but two must be empty."""
_POOLING = frozenset({"embedding_dimension", "word_embedding_dimension", "pooling_mode", "include_prompt"})
_DENSE = frozenset(
    {
        *("in_features", "out_features", "bias", "activation_function", "use_residual"),
        *("module_input_name", "module_output_name"),
    }
)
"""Fields of a module's ``config.json`` that are read; all others must be empty."""


@dataclass(frozen=True)
class SentenceModules:
    """What ``modules.json`` and the files it leads to say."""

    recipe: SentenceRecipe
    encoder: Path
    """The folder with the encoder's ``config.json``."""
    hidden_size: int
    """Of the encoder, as the pooling has it."""
    notes: tuple[str, ...]

    def fitted(self, config: BertConfig) -> SentenceModules:
        """The same for the encoder with ``config``, which sees no more than so many positions.

        Raises:
            ModelError: its vectors have another size.
        """
        if self.hidden_size != config.hidden_size:
            expected = f"hidden_size {self.hidden_size}, that of the pooling"
            raise ModelError.at(self.encoder / members.CONFIG, expected, config.hidden_size)
        positions, length = config.max_position_embeddings, self.recipe.max_length
        recipe = replace(self.recipe, max_length=min(length or positions, positions))
        notes = [f"vectors of texts as {MODULES} says: {recipe.described()}", *self.notes]
        return replace(self, recipe=recipe, notes=tuple(notes))


def read_modules(folder: Path) -> SentenceModules:
    """The recipe of the sentence-transformers folder ``folder``.

    Raises:
        ModelError: malformed files, modules that are not known here, sizes that do not fit each other.
    """
    source = members.member(folder, MODULES)
    listed = [_module(entry, source) for entry in _list(source)]
    kinds = [kind for kind, _ in listed]
    layers = kinds[2:-1] if kinds[-1:] == ["Normalize"] else kinds[2:]
    if kinds[:2] != ["Transformer", "Pooling"] or set(layers) - {"Dense"}:
        expected = "Transformer, Pooling, then Dense layers and Normalize"
        raise ModelError.at(source, expected, ", ".join(kinds) or "none", hint=_HINT)
    places = [_place(folder, name, kind, source) for kind, name in listed]
    transformer = _transformer(places[0])
    pooling, hidden_size, include_prompt = _pooling(places[1])
    dense, width = [], hidden_size * len(pooling.split("+"))
    for place in places[2 : 2 + len(layers)]:
        dense.append(_dense(place, width))
        width = dense[-1].weight.shape[0]
    if kinds[-1] == "Normalize":
        _only_vectors(_optional(places[-1], MODULE_CONFIG), places[-1])
    prompt, dimensions, notes = _whole(folder, include_prompt=include_prompt)
    recipe = SentenceRecipe(
        pooling=pooling,
        dense=tuple(dense),
        normalize=kinds[-1] == "Normalize",
        dimensions=dimensions,
        prompt=prompt,
        **transformer,
    )
    return SentenceModules(recipe, places[0], hidden_size, tuple(notes))


def _list(source: Path) -> list[Any]:
    value = strict_json.load(source, error=ModelError)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ModelError.at(source, "a list of modules", type(value).__name__)
    return value


def _module(entry: dict[str, Any], source: Path) -> tuple[str, str]:
    """Kind and folder of one module."""
    name, path = entry.get("type"), entry.get("path")
    if not isinstance(name, str) or not isinstance(path, str):
        raise ModelError.at(source, "type and path of every module", entry)
    kind = name.rsplit(".", 1)[-1]
    if not name.startswith(_LIBRARY) or kind not in _KNOWN:
        expected = f"modules among {', '.join(_KNOWN)} of sentence_transformers"
        raise ModelError.at(source, expected, name, hint=_HINT)
    return kind, path


def _place(folder: Path, name: str, kind: str, source: Path) -> Path:
    """Where a module's files are; a ``Normalize`` has mostly none, and no folder."""
    if not name:
        if kind != "Transformer":
            raise ModelError.at(source, f"a folder of its own for {kind}", "none", field="path")
        return folder
    place = members.subfolder(folder, name)
    if not place.is_dir() and kind != "Normalize":
        raise ModelError.at(place, f"the folder of {kind}", "nothing there")
    return place


def _transformer(place: Path) -> dict[str, Any]:
    """``max_length`` and ``lower_case`` as ``sentence_bert_config.json`` gives them."""
    source = place / TRANSFORMER_CONFIG
    values = _optional(place, TRANSFORMER_CONFIG)
    length = values.pop("max_seq_length", None)
    lower = values.pop("do_lower_case", None) or False
    if not isinstance(lower, bool):
        raise ModelError.at(source, "true or false", lower, field="do_lower_case")
    _refuse_unknown({key: of for key, of in values.items() if of not in _NEUTRAL.get(key, ())}, source)
    if length is None:
        source, field = place / TOKENIZER_CONFIG, "model_max_length"
        length = _optional(place, source.name).get(field)
    else:
        field = "max_seq_length"
    if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 3):
        raise ModelError.at(source, "a whole number from 3", length, field=field)
    return {"max_length": length, "lower_case": lower}


def _pooling(place: Path) -> tuple[str, int, bool]:
    """The poolings, the size of the vectors that they take, and whether they take those of a prompt."""
    source = members.member(place, MODULE_CONFIG)
    values = _object(source)
    width = values.get("embedding_dimension", values.get("word_embedding_dimension"))
    if not _is_count(width):
        raise ModelError.at(source, "a whole number from 1", width, field="word_embedding_dimension")
    modes = values.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in MODE_KEYS.items() if values.get(key)] or ["mean"]
        unknown = [key for key in values if key.startswith("pooling_mode_") and key not in MODE_KEYS]
        modes += [key for key in unknown if values[key]]
    switches = {key for key in values if key.startswith("pooling_mode_")}
    _refuse_unknown({key: values[key] for key in values.keys() - _POOLING - switches}, source)
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or not modes or not set(map(str, modes)) <= set(MODE_KEYS.values()):
        expected = f"poolings among {', '.join(MODE_KEYS.values())}"
        raise ModelError.at(source, expected, modes, field="pooling_mode")
    if len(set(modes)) < len(modes):  # each adds a vector's width to all that is computed
        raise ModelError.at(source, "each pooling once", modes, field="pooling_mode")
    return "+".join(modes), width, values.get("include_prompt", True) is not False


def _dense(place: Path, width: int) -> DenseLayer:
    source = members.member(place, MODULE_CONFIG)
    values = _object(source)
    _only_vectors(values, place)
    _refuse_unknown({key: values[key] for key in values.keys() - _DENSE}, source)
    if values.get("use_residual"):
        raise ModelError.at(source, "a dense layer without residual connection", True, field="use_residual")
    name = values.get("activation_function", "torch.nn.modules.activation.Tanh")
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ModelError.at(source, f"one of {', '.join(ACTIVATIONS)}", name, field="activation_function")
    if not (place / members.WEIGHTS).exists() and (place / members.PICKLE).exists():
        hint = "save the model again with sentence-transformers, which writes safetensors"
        raise ModelError.at(place, f"{members.WEIGHTS} of a dense layer", members.PICKLE, hint=hint)
    file = members.weight_files(place)[0]
    tensors = read_tensors(file)
    require_finite(tensors, file)
    shapes: dict[str, tuple[Any, ...]] = {
        "linear.weight": (values.get("out_features"), values.get("in_features"))
    }
    if values.get("bias", True):
        shapes["linear.bias"] = shapes["linear.weight"][:1]
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if found != shapes or values.get("in_features") != width:
        raise ModelError.at(file, f"tensors {shapes} on vectors of {width} numbers", found)
    bias = tensors.get("linear.bias")
    return DenseLayer(
        tensors["linear.weight"].float(), None if bias is None else bias.float(), ACTIVATIONS[name]
    )


def _whole(folder: Path, include_prompt: bool) -> tuple[str, int | None, list[str]]:
    """Prompt, number of dimensions, and notes from ``config_sentence_transformers.json``."""
    source = folder / SENTENCE_CONFIG
    values = _optional(folder, SENTENCE_CONFIG)
    kind = values.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ModelError.at(source, "SentenceTransformer", kind, field="model_type", hint=_HINT)
    dimensions = values.get("truncate_dim")
    if dimensions is not None and not _is_count(dimensions):
        raise ModelError.at(source, "a whole number from 1", dimensions, field="truncate_dim")
    prompts, default = values.get("prompts") or {}, values.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise ModelError.at(source, "texts by name", prompts, field="prompts")
    if default is not None and not (isinstance(default, str) and default in prompts):
        raise ModelError.at(source, "a name among the prompts", default, field="default_prompt_name")
    prompt = "" if default is None else prompts[default] or ""
    if prompt and not include_prompt:
        raise ModelError.at(folder, "a pooling that includes the prompt", prompt, field="include_prompt")
    others = [name for name, text in prompts.items() if text and name != default]
    note = f"its prompts {', '.join(others)} are not put before texts: write them there yourself"
    return prompt, dimensions, [note] if others else []


def _refuse_unknown(values: Mapping[str, Any], source: Path) -> None:
    """Whatever a setting that is not known here does, vectors would be others without it."""
    for name in sorted(values):
        if values[name] not in (None, {}, []):
            raise ModelError.at(source, "a setting that is known here", values[name], field=name, hint=_HINT)


def _only_vectors(values: Mapping[str, Any], place: Path) -> None:
    for name in ("module_input_name", "module_output_name"):
        if values.get(name) not in (None, _VECTOR):
            raise ModelError.at(place / MODULE_CONFIG, _VECTOR, values[name], field=name)


def _object(source: Path) -> dict[str, Any]:
    value = strict_json.load(source, error=ModelError)
    if not isinstance(value, dict):
        raise ModelError.at(source, "a JSON object", type(value).__name__)
    return value


def _optional(folder: Path, name: str) -> dict[str, Any]:
    return _object(members.member(folder, name)) if (folder / name).exists() else {}


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
