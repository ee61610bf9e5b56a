"""A model with more words: its vocabulary extended by those that a corpus needs, its weights by rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.extended_rows import extended_rows
from bertwright.checkpoints.members import check_output
from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.durable import require_elsewhere
from bertwright.errors import ModelError
from bertwright.exchange.hugging_face import save_folder
from bertwright.progress import Progress
from bertwright.tokenization.learning.corpus_words import read_words
from bertwright.tokenization.learning.extension import Extension, check_places, extend

ADD = 1_000


@dataclass(frozen=True)
class ExtendedModel:
    """A model folder that was written."""

    extension: Extension
    size: int
    """Tokens now."""
    notes: tuple[str, ...]
    """Remarks on the model."""
    warnings: tuple[str, ...]
    output: Path


def extend_model(
    model: str | Path,
    corpus: Sequence[str | Path],
    output: str | Path,
    *,
    add: int = ADD,
    min_count: int = 1,
    in_unused: bool = False,
    held_out: str | Path | None = None,
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExtendedModel:
    """Write ``model`` with the ``add`` words of ``corpus`` that its vocabulary lacks most to ``output``.

    All that the model has besides is as before: old pieces keep their ids, and text without the new words
    gives the same numbers. Where its new pieces begin, see
    :func:`~bertwright.checkpoints.extended_rows.extended_rows`.

    Args:
        model: any folder that opens.
        corpus: files and directories.
        output: the new model folder.
        add: how many pieces to add; fewer where no more words would save any.
        min_count: words that occur less often are passed over.
        in_unused: put them into the places of ``[unusedN]``; otherwise they come after all others.
        held_out, format, text_field, max_line_bytes, workers: as for
            :func:`~bertwright.tokenization.learning.learn.learn_vocabulary`.
        overwrite: replace a model folder of ours that is there.

    Raises:
        ModelError, VocabularyError: the model does not open, or the corpus has no word that it lacks.
        CorpusError: the text cannot be read, or has no words.
        UsageError: an argument is out of range, or the output is, or holds, what is read.
        OutputExistsError, DiskError: nothing was written.
    """
    output = Path(output)
    for path in (model, *corpus, *([] if held_out is None else [held_out])):
        require_elsewhere(output, path)
    check_output(output, overwrite)
    folder = open_model(model)
    if isinstance(folder, BilmFolder):
        raise ModelError.at(model, "a BERT whose vocabulary is to be extended", "an LSTM language model")
    check_places(folder.tokenizer.vocabulary, add, min_count, in_unused)
    words = read_words(
        corpus,
        folder.tokenizer.settings,
        held_out=held_out,
        format=format,
        text_field=text_field,
        max_line_bytes=max_line_bytes,
        workers=workers,
        output=output,
        progress=progress,
    )
    extension = extend(folder.tokenizer, words, add, min_count=min_count, in_unused=in_unused)
    extended = _extended(folder, extension)
    save_folder(
        extended, output, {"extended_from": _origin(folder, extension)}, folder.sentences, overwrite=overwrite
    )
    warnings = (*words.warnings, *_fewer(extension, add))
    return ExtendedModel(extension, extended.config.vocab_size, folder.notes, warnings, output)


def _extended(folder: ModelFolder, extension: Extension) -> ModelFolder:
    size = len(extension.tokenizer.vocabulary)
    new = {piece.id: piece.parts for piece in extension.pieces}
    weights = replace(folder.weights, tensors=extended_rows(folder.weights.tensors, new, size))
    config = folder.config.model_copy(update={"vocab_size": size})
    return replace(folder, config=config, tokenizer=extension.tokenizer, weights=weights)


def _origin(folder: ModelFolder, extension: Extension) -> dict[str, Any]:
    """For the provenance of the new folder."""
    return {
        "name": folder.path.resolve().name,
        "digest": folder.digest,
        "vocabulary": folder.tokenizer.vocabulary.digest,
        "added": len(extension.pieces),
        "pieces_per_word": {
            "before": round(extension.before.pieces_per_word, 6),
            "after": round(extension.after.pieces_per_word, 6),
            "measured_on": extension.measured_on,
        },
    }


def _fewer(extension: Extension, add: int) -> list[str]:
    found = len(extension.pieces)
    if found == add:
        return []
    return [f"asked for {add:,} new pieces, found {found:,}: no other word of the corpus saves any"]
