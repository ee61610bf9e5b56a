"""The JSON of SQuAD 1.1 and 2.0: articles of paragraphs of questions, each thing checked where it stands.

``{"data": [{"paragraphs": [{"context": .., "qas": [{"id", "question", "answers": [{"text",
"answer_start"}], "is_impossible"}]}]}]}``; other keys do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.errors import InputError, TableError, quote
from bertwright.tables.lines import JSON_LINES_HINT, read_json
from bertwright.tasks.answer.questions import Question, Reference


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question as it stands in the file, not yet checked."""

    value: Any
    context: Any
    place: str
    line: int


@dataclass
class SquadFile:
    """A parsed file of questions."""

    path: Path
    _articles: list[Any]
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path) -> SquadFile:
        """Parse ``path``, which may be compressed.

        Raises:
            TableError: it is missing, damaged, no JSON, or has no list ``data``.
        """
        value = read_json(path)
        if isinstance(value, dict) and isinstance(value.get("data"), list):
            return cls(path, value["data"])
        if isinstance(value, dict) and "question" in value:
            raise TableError.at(
                path, 'an object with a list "data"', "a single question", hint=JSON_LINES_HINT
            )
        got = "no such list" if isinstance(value, dict) else value
        hint = 'SQuAD files are {"data": [{"paragraphs": [..]}]}'
        raise TableError.at(path, 'an object with a list "data"', got, hint=hint)

    def raw(self) -> Iterator[RawQuestion]:
        """Every question in file order.

        Raises:
            TableError: an article, a paragraph or a list is not what it must be.
        """
        self._seen.clear()
        line = 0
        for i, article in enumerate(self._articles):
            for j, paragraph in enumerate(self._list(article, f"data[{i}]", "paragraphs")):
                place = f"data[{i}].paragraphs[{j}]"
                for k, value in enumerate(self._list(paragraph, place, "qas")):
                    line += 1
                    yield RawQuestion(value, paragraph.get("context"), f"{place}.qas[{k}]", line)

    def question(self, raw: RawQuestion, *, labelled: bool) -> Question:
        """``raw``, checked; without its answers unless ``labelled``.

        Raises:
            TableError: naming the question and what is wrong with it.
        """
        value = raw.value
        if not isinstance(value, dict):
            raise self._error("an object", value, raw.place)
        identity = value.get("id")
        if not isinstance(identity, str) or not identity:
            hint = f'write "{identity}"' if isinstance(identity, int) else None
            raise self._error("a text", "none" if identity is None else identity, f"{raw.place}.id", hint)
        self._refuse_surrogates(identity, f"{raw.place}.id")
        where = f"question {quote(identity)}"
        if identity in self._seen:
            raise self._error("each id once", "it a second time", where)
        self._seen.add(identity)
        text = self._text(value.get("question"), f"{where}: question", may_be_empty=True)
        context = self._text(raw.context, f"{where}: context")
        answers = self._answers(value, where) if labelled else None
        return Question(text, context, identity, answers, raw.line)

    def _answers(self, value: dict[str, Any], where: str) -> tuple[Reference, ...]:
        impossible = value.get("is_impossible", False)
        if not isinstance(impossible, bool):
            raise self._error("true or false", impossible, f"{where}: is_impossible")
        listed = value.get("answers", [] if impossible else None)
        if not isinstance(listed, list):
            hint = "questions without answers can only be predicted"
            raise self._error("a list", "none" if listed is None else listed, f"{where}: answers", hint)
        if impossible and listed:
            got = f"{len(listed)} answers" if len(listed) > 1 else "an answer"
            raise self._error("no answers, since is_impossible is true", got, where)
        if not listed and not impossible:
            hint = 'a question that the passage does not answer has "is_impossible": true'
            raise self._error("an answer", "an empty list", where, hint)
        return tuple(self._answer(answer, f"{where}: answers[{i}]") for i, answer in enumerate(listed))

    def _answer(self, answer: Any, where: str) -> Reference:
        if not isinstance(answer, dict):
            raise self._error("an object", answer, where)
        text = self._text(answer.get("text"), f"{where}.text")
        start = answer.get("answer_start")
        if not isinstance(start, int) or isinstance(start, bool):
            got = "none" if start is None else start
            raise self._error("a whole number", got, f"{where}.answer_start")
        return Reference(text, start)

    def _list(self, value: Any, place: str, key: str) -> list[Any]:
        if not isinstance(value, dict):
            raise self._error("an object", value, place)
        if not isinstance(listed := value.get(key), list):
            raise self._error("a list", "none" if listed is None else listed, f"{place}.{key}")
        return listed

    def _text(self, value: Any, where: str, *, may_be_empty: bool = False) -> str:
        """``value``, a text with something in it; published files have empty questions, but nothing else.

        Raises:
            TableError: it is none, blank, or has half of a surrogate pair.
        """
        if not isinstance(value, str):
            raise self._error("a text", "none" if value is None else value, where)
        if not (may_be_empty or value.strip()):
            raise self._error("a text", value or "an empty one", where)
        self._refuse_surrogates(value, where)
        return value

    def _refuse_surrogates(self, text: str, where: str) -> None:
        if found := strict_json.lone_surrogate(text):
            raise self._error("Unicode text", found, where)

    def _error(self, expected: str, got: object, where: str, hint: str | None = None) -> InputError:
        return TableError.at(self.path, expected, "null" if got is None else got, field=where, hint=hint)
