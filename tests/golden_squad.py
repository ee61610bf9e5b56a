"""The stored results of the original's ``run_squad.py``: questions, settings, logits, and what came out."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shared import json_lines, shared_path

from bertwright.tasks.answer.decoding import candidates, text_by_place
from bertwright.tasks.answer.encoding import AnswerFeatures, encode_questions
from bertwright.tasks.answer.passage import Passage
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.answer.spans import null_span, rank_spans
from bertwright.tokenization import Tokenizer

SETTINGS = [
    ("en_v1", "len96"),
    ("en_v1", "len384"),
    ("en_v2", "len96"),
    ("en_v2", "len384"),
    ("en_v1_cased", "len128"),
    ("zh_v1", "len128"),
]
RAISED = 3
"""What the makers added to logits with which the original fails, as often as was needed."""


def words_of(passage: Passage) -> list[str]:
    """The words of a passage (``doc_tokens``)."""
    bounds = pairwise([*passage.word_starts.tolist(), len(passage.text)])
    return [passage.text[start:end].rstrip(" \t\r\n\u202f") for start, end in bounds]


def piece_words(passage: Passage) -> NDArray[np.int64]:
    """Number of the word that each piece belongs to (``tok_to_orig_index``)."""
    return np.repeat(np.arange(len(passage.word_starts)), np.diff(passage.first_pieces))


def read_json(name: str) -> Any:
    """A stored JSON file, compressed or not."""
    path = shared_path(f"golden/{name}")
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data)


@dataclass(frozen=True)
class Case:
    """One question set under one setting."""

    name: str
    setting: str

    @property
    def stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = read_json(f"squad/{self.name}/case.json")
        return stored

    @property
    def may_lack(self) -> bool:
        return bool(self.stored["version_2_with_negative"])

    @property
    def max_length(self) -> int:
        return int(self.stored["settings"][self.setting]["max_seq_length"])

    @property
    def tokenizer(self) -> Tokenizer:
        path: Path = shared_path(f"data/vocab/{self.stored['vocab']}-vocab.txt")
        return Tokenizer.load(path, lower_case=self.stored["do_lower_case"])

    def settings(self, **values: Any) -> AnswerSettings:
        stored = self.stored["settings"][self.setting]
        lengths = {key: stored[key] for key in ("doc_stride", "max_query_length")}
        return AnswerSettings(**lengths, **values)

    def questions(self) -> list[Question]:
        """As in the file, but for empty answers, which the original takes for the whole passage."""
        stored = read_json(f"squad/{self.name}/questions.json")
        return [
            Question(
                value["question"],
                paragraph["context"],
                value["id"],
                tuple(_reference(paragraph["context"], answer) for answer in value["answers"]),
            )
            for article in stored["data"]
            for paragraph in article["paragraphs"]
            for value in paragraph["qas"]
        ]

    def features(self, kind: str) -> list[dict[str, Any]]:
        return json_lines(f"golden/squad/{self.name}/{self.setting}_{kind}_features.jsonl.gz")

    def runs(self) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = read_json(f"squad/{self.name}/{self.setting}_predictions.json.gz")
        return runs

    def logits(self, features: list[AnswerFeatures]) -> list[NDArray[np.float32]]:
        """(S, 2) for each window, S the longest length, so that padding has scores too.

        The original fails where of the kept candidates only the null answer is left. The makers of the
        results then raised both logits of the first token of the first window's passage, which the stored
        logits do not show.
        """
        with np.load(shared_path(f"golden/squad/{self.name}/{self.setting}_logits.npz")) as stored:
            logits = list(np.stack([stored["start_logits"], stored["end_logits"]], axis=-1))
        if self.may_lack:
            choices = [
                self.settings(n_best=run["n_best_size"], max_answer_length=run["max_answer_length"])
                for run in self.runs()
            ]
            for example in {row.example for row in features}:
                places = [index for index, row in enumerate(features) if row.example == example]
                rows = [features[index] for index in places]
                while any(_fails([logits[index] for index in places], rows, chosen) for chosen in choices):
                    logits[places[0]][rows[0].passage_start] += RAISED
        return logits

    def windows(self) -> list[AnswerFeatures]:
        return encode_questions(self.questions(), self.tokenizer, self.max_length, self.settings())


def _reference(context: str, answer: dict[str, Any]) -> Reference:
    if answer["text"]:
        return Reference(answer["text"], answer["answer_start"])
    return Reference(context.strip(), len(context) - len(context.lstrip()))


def _fails(logits: list[NDArray[np.float32]], rows: list[AnswerFeatures], settings: AnswerSettings) -> bool:
    spans = rank_spans(logits, rows, settings, settings.n_best)
    kept = candidates(spans, null_span(logits), text_by_place(rows), settings.n_best)
    return not any(one.text for one in kept)
