"""What every model folder has beside its numbers: configuration, vocabulary, card, poolings, manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.labels import label_fields
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.checkpoints.sentence_saving import write_modules
from bertwright.durable import NewDirectory
from bertwright.model.config import BertConfig
from bertwright.tokenization.tokenizer import Tokenizer


def write_description(
    new: NewDirectory,
    config: BertConfig,
    tokenizer: Tokenizer,
    *,
    architecture: str,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    card: str,
    sentences: SentenceRecipe | None,
    fields: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write into the folder ``new`` what is said of a network there, its manifest's values included.

    Args:
        architecture: what ``transformers`` calls the network.
        task: what it was adapted to, as JSON values.
        provenance: what it was made from, as JSON values.
        card: text of ``README.md``.
        sentences: how vectors of texts are made, where that is known.
        fields: more of ``config.json``.
        facts: more of the manifest.

    Raises:
        DiskError: the file system refused.
    """
    values = {"architectures": [architecture], "model_type": config.model_type, **config.to_dict()}
    values |= {**label_fields(task), **fields}
    new.write(members.CONFIG, json.dumps(values, ensure_ascii=False, indent=2) + "\n")
    for name, data in tokenizer.files(model_max_length=config.max_position_embeddings).items():
        new.write(name, data)
    new.write(members.CARD, card, sealed=False)  # a card is there to be completed
    if sentences is not None:
        write_modules(new, sentences, config)
    new.manifest = {
        "architecture": architecture,
        "task": None if task is None else dict(task),
        "provenance": dict(provenance),
        **(facts or {}),
    }
