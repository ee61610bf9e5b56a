"""Rows of questions: by hand, and what is cut when they are too long."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.tasks.choose.encoding import encode_questions
from bertwright.tasks.choose.question import Question
from bertwright.tokenization import Tokenizer, Vocabulary

WORDS = [f"{letter}{number}" for letter in "cqx" for number in range(9)]
TOKENIZER = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))


def rows(question: Question, length: int) -> list[tuple[str, bool]]:
    tokens = TOKENIZER.vocabulary.tokens
    features = encode_questions([question], TOKENIZER, length)
    return [(" ".join(tokens[i] for i in row.input_ids), row.truncated) for row in features]


def test_without_and_with_context() -> None:
    bare = Question("q1 q2", ("x1", "x2 x3"), target=1)
    assert rows(bare, 20) == [("[CLS] q1 q2 [SEP] x1 [SEP]", False), ("[CLS] q1 q2 [SEP] x2 x3 [SEP]", False)]
    features = encode_questions([bare, Question("q1", ("x1", "x2", "x3"), "c1", 0)], TOKENIZER, 20)
    assert [row.target for row in features] == [0, 1, 1, 0, 0]
    assert [row.example for row in features] == [0, 0, 1, 1, 1]
    assert features[2].token_type_ids.tolist() == [0, 0, 0, 1, 1, 1]
    assert rows(Question("q1", ("x1", "x2"), "c1"), 20)[0][0] == "[CLS] c1 [SEP] q1 x1 [SEP]"


def test_the_context_is_cut_alike_for_all_choices() -> None:
    question = Question("q1 q2", ("x1", "x2 x3 x4"), "c1 c2 c3 c4 c5")
    assert rows(question, 11) == [
        ("[CLS] c1 c2 c3 [SEP] q1 q2 x1 [SEP]", True),
        ("[CLS] c1 c2 c3 [SEP] q1 q2 x2 x3 x4 [SEP]", True),
    ]


def test_then_the_question_loses_its_beginning_and_the_choice_its_end() -> None:
    question = Question("q1 q2 q3", ("x1 x2", "x3"), "c1 c2")
    assert [row for row, _ in rows(question, 7)] == [
        "[CLS] c1 [SEP] q3 x1 x2 [SEP]",
        "[CLS] c1 [SEP] q2 q3 x3 [SEP]",
    ]
    assert [row for row, _ in rows(question, 5)] == ["[CLS] c1 [SEP] x1 [SEP]", "[CLS] c1 [SEP] x3 [SEP]"]


words = st.lists(st.integers(1, 8), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(words, words, st.lists(words, min_size=2, max_size=4), st.booleans(), st.integers(5, 24))
def test_rows_fit_and_say_when_they_were_cut(
    context: list[int], asked: list[int], choices: list[list[int]], with_context: bool, length: int
) -> None:
    texts = [" ".join(f"x{n}" for n in choice) for choice in choices]
    question = Question(
        " ".join(f"q{n}" for n in asked),
        tuple(texts),
        " ".join(f"c{n}" for n in context) if with_context else None,
    )
    for (row, truncated), choice in zip(rows(question, length), texts, strict=True):
        tokens = row.split()
        whole = 3 + len(asked) + len(choice.split()) + (len(context) if with_context else 0)
        assert len(tokens) <= length and tokens.count("[SEP]") == 2
        assert truncated == (len(tokens) < whole)
        if 4 + len(choice.split()) <= length:
            assert row.endswith(f"{choice} [SEP]")
