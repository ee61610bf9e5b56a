"""What a model loses and gains right after its vocabulary was extended, before it learned anything.

    python -m benchmarks.extension MODEL -o FOLDER [--add 1000] [--lines 400]

The text is the documentation of the installed Python packages (`bertwright demo`'s), its last 200 documents
held out. A seventh of the words of held-out lines is masked whole, and each model says what they were: nats a
word, over all its pieces. MODEL needs a masked-language head; ``FOLDER`` gets texts and the extended model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import open_model
from bertwright.demo.documentation import collect
from bertwright.exchange.extension import extend_model
from bertwright.randomness import generator
from bertwright.tokenization.tokenizer import Tokenizer

HELD_OUT = 200
WORDS = 80
Row = tuple[list[int], list[int], list[int], list[str]]


def main() -> None:
    """Extend the model, ask both, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--add", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=400)
    options = parser.parse_args()
    options.output.mkdir(parents=True)
    documents = ["\n".join(text.paragraphs) for text in collect()]
    corpus, held_out = options.output / "corpus.txt", options.output / "held-out.txt"
    corpus.write_text("\n\n".join(documents[:-HELD_OUT]) + "\n", encoding="utf-8")
    held_out.write_text("\n\n".join(documents[-HELD_OUT:]) + "\n", encoding="utf-8")
    made = extend_model(
        options.model, [corpus], options.output / "model", add=options.add, held_out=held_out
    ).extension
    new = {piece.word for piece in made.pieces}
    lines = [line for line in held_out.read_text(encoding="utf-8").split("\n") if line][: options.lines]
    print(f"pieces a word: {made.before.pieces_per_word:.4f} before, {made.after.pieces_per_word:.4f} after")
    for name, path in (("before", options.model), ("after", options.output / "model")):
        sums = nats(path, lines, new)
        parts = [
            f"{kind} {total / max(count, 1):.3f} ({count:,} words)" for kind, (total, count) in sums.items()
        ]
        everything = sum(total for total, _ in sums.values()) / sum(count for _, count in sums.values())
        print(f"{name}: {everything:.3f} nats a word; {', '.join(parts)}")


def nats(path: Path, lines: list[str], new: set[str]) -> dict[str, tuple[float, int]]:
    """Sum of -log p over masked words and their number, of words that are new pieces and of others."""
    folder = open_model(path)
    model = folder.pretraining_model(require=["masked_language"])
    sums = {"new words": (0.0, 0), "other words": (0.0, 0)}
    with torch.inference_mode():
        for ids, places, labels, words in rows(folder.tokenizer, lines):
            logits = model(torch.tensor([ids]), None, None, torch.tensor(places)).mlm_logits
            losses = F.cross_entropy(logits, torch.tensor(labels), reduction="none").tolist()
            for loss, word in zip(losses, words, strict=True):
                kind = "new words" if word[1:] in new else "other words"
                total, count = sums[kind]
                sums[kind] = (total + loss, count + (word[0] == "!"))
    return sums


def rows(tokenizer: Tokenizer, lines: list[str]) -> Iterator[Row]:
    """Ids with masked words, the masked places, their labels, and to which word each belongs: its first
    piece begins with ``!``, the others with a blank."""
    vocabulary = tokenizer.vocabulary
    for number, line in enumerate(lines):
        words = tokenizer.basic.tokenize(line)[:WORDS]
        chosen = set(
            generator(0, "words to mask", number).permutation(len(words))[: len(words) // 7].tolist()
        )
        ids, places, labels, owners = [vocabulary.cls_id], [], [], []
        for place, word in enumerate(words):
            pieces = tokenizer.wordpiece.pieces(word)
            if place in chosen:
                places += range(len(ids), len(ids) + len(pieces))
                labels += pieces
                owners += [f"!{word}", *[f" {word}"] * (len(pieces) - 1)]
                pieces = (vocabulary.mask_id,) * len(pieces)
            ids += pieces
        if places and len(ids) < 500:
            yield [*ids, vocabulary.sep_id], places, labels, owners


if __name__ == "__main__":
    main()
