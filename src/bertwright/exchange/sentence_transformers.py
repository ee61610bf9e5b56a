"""A model as a sentence-transformers folder: a Hugging Face folder that says how texts become vectors."""

from __future__ import annotations

from pathlib import Path

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import UsageError
from bertwright.exchange.hugging_face import save_folder
from bertwright.exchange.request import Request
from bertwright.inference.embedding import changed, sequence_length

OPTIONS = ("pooling", "normalize", "max_length")


def write_sentence_transformers(folder: ModelFolder, path: Path, request: Request) -> None:
    """Write ``folder`` with ``modules.json``: what it says itself of vectors, and what the options change.

    ``SentenceTransformer(path)`` then gives the vectors that ``bertwright embed`` gives of it.

    Raises:
        UsageError: no such pooling, a length that the network cannot see, or vectors that are to be cut and
            then scaled.
        DiskError: the file system refused.
    """
    wanted = {name: request.options.get(name) for name in OPTIONS}
    recipe = changed(folder.sentences, folder.config, **wanted)
    if recipe.unit:
        raise UsageError(
            f"--normalize: expected a folder that keeps whole vectors, got truncate_dim {recipe.dimensions} "
            "(no module scales what is kept; encode does, asked with normalize_embeddings=True)"
        )
    sequence_length(recipe.max_length, folder.config.max_position_embeddings)
    save_folder(folder, path, {"converted_from": dict(request.origin)}, recipe)
