"""The story of the demo, a chapter a function, on the same parts that the commands use.

The first three chapters write into a folder that is not yet the demo's: what is wrong with a request or its
text shows there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright import durable
from bertwright.config.settings import load
from bertwright.corpus import find_corpus, read_documents
from bertwright.data.prepare import PrepareSummary, prepare
from bertwright.demo.adaptation import adapt
from bertwright.demo.documentation import collect
from bertwright.demo.labelled_task import LabelledTask, SourceText, carve_task, file_label
from bertwright.errors import CorpusError
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.filled_blank import FilledBlank
from bertwright.pretraining.run import PretrainingSummary, pretrain
from bertwright.pretraining.run_data import RunData
from bertwright.progress import Progress
from bertwright.reports.run_records import Adaptation, read_run
from bertwright.reports.run_report import write_report
from bertwright.tokenization.learning.learn import LearnedVocabulary, learn_vocabulary

SEED = 12345
OWN_TEXT_LIMIT = 64 << 20
"""Characters of the user's own text that the demo reads; the commands take all of it."""


@dataclass(frozen=True)
class Collected:
    """The text of the demo."""

    origin: str
    documents: int
    characters: int
    corpus: Path
    task: LabelledTask | None
    cut: bool
    """Whether the text was longer than the demo reads."""


@dataclass(frozen=True)
class DemoPlan:
    """Sizes of the demo; what the command line may change."""

    output: Path
    corpus: tuple[Path, ...] = ()
    """The user's own text; Python's documentation when empty."""
    vocabulary_size: int = 4096
    budget: float = 390.0
    """Seconds of pre-training."""
    seeds: tuple[int, ...] = (1, 2, 3)

    def recipe(self) -> PretrainingSettings:
        """The pre-training recipe, found by experiment (docs/pretraining.md)."""
        return PretrainingSettings.model_validate({"seed": SEED, "budget": self.budget, **RECIPE})


def seconds_of(budget: str) -> float:
    """A length of pre-training as people write it: ``30m``, ``1h30m``, ``90s``, or seconds.

    Raises:
        SettingsError: it is none, or none that a run may have.
    """
    return load(PretrainingSettings, overrides={"budget": budget}).value.budget or 0.0


RECIPE: dict[str, Any] = {
    "size": "tiny",
    "sequence_length": 64,
    "long_sequence_length": 128,
    "max_position_embeddings": 128,
    "batch_size": 32,
    "learning_rate": 3e-3,
}


def collect_text(plan: DemoPlan, folder: Path, progress: Progress) -> Collected:
    """Chapter 1: the text, one paragraph a line, a blank line between documents; and the task in it.

    Raises:
        CorpusError: the user's own text cannot be read, or is around the output.
    """
    texts, origin, question, cut = _own_text(plan) if plan.corpus else _documentation(progress)
    documents, task = carve_task(texts, question, SEED)
    corpus = folder / "corpus.txt"
    durable.write_file(corpus, "\n\n".join("\n".join(paragraphs) for paragraphs in documents) + "\n")
    characters = sum(len(line) for paragraphs in documents for line in paragraphs)
    return Collected(origin, len(documents), characters, corpus, task, cut)


def learn(plan: DemoPlan, folder: Path, collected: Collected, progress: Progress) -> LearnedVocabulary:
    """Chapter 2: the vocabulary.

    Raises:
        UsageError: there is no vocabulary of that size.
    """
    learned = learn_vocabulary([collected.corpus], size=plan.vocabulary_size, progress=progress)
    learned.save(folder / "vocabulary")
    return learned


def make_store(plan: DemoPlan, folder: Path, collected: Collected, progress: Progress) -> PrepareSummary:
    """Chapter 3: documents to sentences to ids.

    Raises:
        CorpusError, StoreError: it is too little text to pre-train on.
    """
    store = folder / "store"
    summary = prepare([collected.corpus], vocabulary=folder / "vocabulary", output=store, progress=progress)
    RunData.read(store, None, plan.recipe())  # what pre-training would refuse, before anything is replaced
    return summary


def train(plan: DemoPlan, progress: Progress) -> PretrainingSummary:
    """Chapter 4: pre-training by masked LM and next sentence prediction."""
    return pretrain(plan.output / "store", plan.output / "run", plan.recipe(), progress=progress)


def blanks(plan: DemoPlan) -> Sequence[FilledBlank]:
    """Chapter 5: the blanks that the model filled in held-out sentences."""
    return read_run(plan.output / "run").blanks


def learn_task(plan: DemoPlan, task: LabelledTask, progress: Progress) -> Adaptation:
    """Chapter 6: the same task learned in four ways."""
    folder = plan.output / "task"
    folder.mkdir()
    return adapt(plan.output / "run" / "model", task, folder, plan.seeds, progress)


def report(plan: DemoPlan, adaptation: Adaptation | None) -> Path:
    """Chapter 7: one page to look at."""
    return write_report(
        plan.output / "run",
        plan.output / "report.html",
        vocabulary=plan.output / "vocabulary" / "report.json",
        adaptation=adaptation,
    )


def _documentation(progress: Progress) -> tuple[list[SourceText], str, str, bool]:
    texts = [SourceText(text.package, text.paragraphs) for text in collect(progress)]
    origin = "the documentation inside this Python installation"
    return texts, origin, "Which package does a text document?", False


def _own_text(plan: DemoPlan) -> tuple[list[SourceText], str, str, bool]:
    texts: list[SourceText] = []
    origin = ", ".join(path.name or str(path) for path in plan.corpus)
    question = "Which file does a text come from?"
    room = OWN_TEXT_LIMIT
    for file in find_corpus(plan.corpus, output=plan.output).files:
        label = file_label(file.path.name)
        for document in read_documents(file.path):
            texts.append(SourceText(label, document.lines))
            room -= sum(map(len, document.lines))
            if room < 0:
                return texts, origin, question, True
    if not texts:
        raise CorpusError.at(plan.corpus[0], "some text", "nothing to read")
    return texts, origin, question, False
