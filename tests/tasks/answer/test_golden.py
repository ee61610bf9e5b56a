"""Examples, windows, spans and texts: all equal to those of the original's ``run_squad.py``."""

from __future__ import annotations

import pytest
from golden_squad import SETTINGS, Case, piece_words, read_json, words_of
from original_squad_files import original_files
from original_squad_text import final_text
from shared import shared_path

from bertwright.tasks.answer.decoding import decode
from bertwright.tasks.answer.encoding import AnswerFeatures, encode_questions, improve_span
from bertwright.tasks.answer.passage import PassageReader
from bertwright.tokenization import Tokenizer
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.settings import TokenizerSettings

CASES = [Case(*setting) for setting in SETTINGS]


def as_stored(row: AnswerFeatures) -> dict[str, object]:
    pieces = slice(row.first_piece, row.first_piece + row.passage_length)
    return {
        "example_index": row.example,
        "input_ids": row.input_ids.tolist(),
        "segment_ids": row.token_type_ids.tolist(),
        "first_doc_token": row.passage_start,
        "token_to_orig": piece_words(row.passage)[pieces].tolist(),
        "is_max_context": row.is_max_context.astype(int).tolist(),
    }


@pytest.mark.parametrize("name", ["en_v1", "en_v2", "en_v1_cased", "zh_v1"])
def test_examples(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    stored = read_json(f"squad/{name}/examples.json.gz")
    questions = case.questions()
    assert [question.id for question in questions] == stored["predict"]
    skipped = [q.id for q in questions if q.trained is None and not q.is_impossible]
    assert skipped == stored["skipped_in_training"]
    by_id = {question.id: question for question in questions}
    reader = PassageReader(case.tokenizer)
    assert len(stored["train"]) > 30
    for example in stored["train"]:
        question = by_id[example["id"]]
        passage = reader.read(question.context)
        assert words_of(passage) == example["doc_tokens"]
        assert question.is_impossible == example["is_impossible"]
        if question.trained is not None:
            start = question.trained.start or 0
            last = start + len(question.trained.text) - 1
            assert passage.word_at(start) == example["start_position"]
            assert passage.word_at(last) == example["end_position"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.setting}")
def test_windows(case: Case) -> None:
    questions = case.questions()
    trained = [question for question in questions if question.trained or question.is_impossible]
    for kind, rows in (("train", trained), ("predict", questions)):
        stored = case.features(kind)
        features = encode_questions(rows, case.tokenizer, case.max_length, case.settings())
        assert len(features) == len(stored) > 60
        for row, expected in zip(features, stored, strict=True):
            found = as_stored(row)
            assert found == {key: expected[key] for key in found}
            if kind == "train":
                assert row.target.tolist() == [expected["start_position"], expected["end_position"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.setting}")
def test_predictions(case: Case) -> None:
    features, tokenizer = case.windows(), case.tokenizer
    logits = case.logits(features)
    for run in case.runs():
        settings = case.settings(n_best=run["n_best_size"], max_answer_length=run["max_answer_length"])
        threshold = run["null_score_diff_threshold"] if case.may_lack else None
        files = original_files(logits, features, tokenizer, settings, threshold)
        assert files.predictions == run["predictions"]
        assert files.null_odds == pytest.approx(run.get("null_odds") or {}, abs=1e-9)
        assert files.nbest.keys() == run["nbest"].keys()
        for identity, expected in run["nbest"].items():
            kept = files.nbest[identity]
            assert [one.text for one in kept] == [one["text"] for one in expected]
            for key in ("start_logit", "end_logit", "probability"):
                found = [getattr(one, key) for one in kept]
                assert found == pytest.approx([one[key] for one in expected], abs=1e-9)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.setting}")
def test_answers_by_place(case: Case) -> None:
    """Our own way keeps the original's order; the texts may differ, but always stand at their offsets."""
    features = case.windows()
    logits = case.logits(features)
    answers = decode(logits, features, case.settings(), 0.0 if case.may_lack else None)
    assert len(answers) == len(case.questions())
    for question, answer in zip(case.questions(), answers, strict=True):
        for one in answer.candidates:
            if one.offsets is not None:
                assert question.context[slice(*one.offsets)] == one.text != ""
    files = original_files(logits, features, case.tokenizer, case.settings(), 0.0 if case.may_lack else None)
    if case.may_lack:
        assert {answer.id: answer.null_odds for answer in answers} == pytest.approx(files.null_odds)


def test_final_text() -> None:
    stored = read_json("squad/get_final_text.json.gz")
    basics = {lower: BasicTokenizer(TokenizerSettings(do_lower_case=lower)) for lower in (True, False)}
    assert len(stored) == 305
    for pieces, words, lower, expected in stored:
        assert final_text(pieces, words, basics[lower]) == expected


def test_improve_span() -> None:
    stored = read_json("squad/improve_answer_span.json.gz")
    tokenizer = Tokenizer.load(shared_path("data/vocab/bert-base-uncased-vocab.txt"))
    assert len(stored) == 220
    for case in stored:
        answer = tokenizer.encode(case["orig_answer_text"]).tokens
        found = improve_span(case["doc_tokens"], case["input_start"], case["input_end"], answer)
        assert list(found) == case["result"]
