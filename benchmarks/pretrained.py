"""The small models that the table of tasks starts from: raw text to a pre-trained model, by public commands.

    python -m benchmarks.pretrained --language en -o FOLDER [--budget 60m]

Vocabulary, token store and run stand in FOLDER; ``FOLDER/run/model`` is the model. Run again it goes on where
it was; for another language or budget it needs another folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.data import shared_path
from benchmarks.records import Records

CORPORA = {
    "en": ("en_wikipedia.txt.xz", "en_wikinews.txt.xz", "en_novels.txt.xz"),
    "zh": ("zh_wikipedia_simplified.txt.xz", "zh_wikipedia_traditional.txt.xz"),
    "small": ("en_wikipedia_valid.txt",),
}
VOCABULARY_SIZES = {"en": 16384, "zh": 8192, "small": 2000}
RECIPE = Path(__file__).resolve().parent / "pretrained.toml"


def main() -> None:
    """Run the three commands that are not done yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--language", choices=CORPORA, default="en")
    parser.add_argument("--budget", default="60m", help="of pre-training")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    Records(options.output / "request.jsonl", [], {"language": options.language, "budget": options.budget})
    store, run = prepared(options.output, options.language), options.output / "run"
    if not (run / "model").exists():
        again = ["--resume"] if run.exists() else []
        bertwright(
            "pretrain", str(RECIPE), "--data", str(store), "-o", str(run), "--budget", options.budget, *again
        )


def prepared(folder: Path, language: str) -> Path:
    """The store of a text in ``folder``, with its vocabulary beside it, made if it is not there."""
    corpus = [str(shared_path(f"data/corpus/{name}")) for name in CORPORA[language]]
    vocabulary, store = folder / "vocab", folder / "store"
    if not vocabulary.exists():
        bertwright("vocab", *corpus, "-o", str(vocabulary), "--size", str(VOCABULARY_SIZES[language]))
    if not store.exists():
        bertwright("prepare", *corpus, "--vocab", str(vocabulary), "-o", str(store))
    return store


def bertwright(*arguments: str) -> None:
    """One command, its output passed on."""
    subprocess.run([sys.executable, "-m", "bertwright", *arguments], check=True)


if __name__ == "__main__":
    main()
