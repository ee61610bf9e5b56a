"""Going on with texts: the nucleus by hand, by property and against transformers; greedy as there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from bertwright import strict_json
from bertwright.errors import ModelError, UsageError
from bertwright.inference.generation import draw, nucleus, room_for_beginning
from bertwright.inference.generation_file import generate_file
from bertwright.inference.model import Model, load

TEXTS = ["The old man walked", "", "he said that she was a good woman and", "dark"]


@pytest.fixture(scope="session")
def left_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.save_left_to_right(tmp_path_factory.mktemp("left") / "model")


@pytest.fixture(scope="session")
def left(left_folder: Path) -> Model:
    return load(left_folder)


def test_greedy_as_in_transformers(left: Model, left_folder: Path) -> None:
    words = left.tokenizer.vocabulary
    theirs = transformers.BertLMHeadModel.from_pretrained(left_folder).eval()
    never = [id for id in words.special_ids if id != words.sep_id]
    lengths = set()
    for text, found in zip(TEXTS, left.generate(TEXTS, max_tokens=12), strict=True):
        row = [words.cls_id, *left.tokenizer.encode(text).ids]
        expected = theirs.generate(
            torch.tensor([row]),
            do_sample=False,
            max_new_tokens=12,
            suppress_tokens=never,
            eos_token_id=words.sep_id,
            pad_token_id=words.pad_id,
        )[0, len(row) :].tolist()
        ended = expected[-1] == words.sep_id
        assert found.tokens == tuple(words.tokens[id] for id in expected if id != words.sep_id)
        assert found.stopped == ("end" if ended else "tokens") and not found.truncated
        lengths.add(len(found.tokens))
    assert max(lengths) == 12


def test_a_text_does_not_depend_on_those_beside_it(left: Model) -> None:
    together = left.generate(TEXTS, top_p=0.9, seed=3, max_tokens=8)
    alone = [
        left.generate([text], top_p=0.9, seed=3, max_tokens=8, first=number)[0]
        for number, text in enumerate(TEXTS)
    ]
    assert together == alone
    assert left.generate(TEXTS, top_p=0.9, seed=4, max_tokens=8) != together
    assert left.generate(TEXTS, top_p=1e-9, max_tokens=8) == left.generate(TEXTS, max_tokens=8)


def test_chance_is_the_models(left: Model) -> None:
    """One token drawn for many texts that are the same: as often as its probability."""
    words = left.tokenizer.vocabulary
    model = left.folder.pretraining_model(require=())
    with torch.no_grad():
        logits = model(torch.tensor([[words.cls_id]]), None, None, torch.tensor([0])).mlm_logits[0].double()
    logits[[id for id in words.special_ids if id != words.sep_id]] = -torch.inf
    shares = logits.softmax(-1).numpy()
    count = 4000
    found = Counter(g.tokens[:1] for g in left.generate([""] * count, top_p=1.0, max_tokens=1))
    assert len(found) > 5
    for token, number in found.items():
        share = shares[words.sep_id if not token else words.tokens.index(token[0])]
        assert abs(number / count - share) < 5 * np.sqrt(share * (1 - share) / count) + 1e-3


def test_special_tokens_never_come(left: Model) -> None:
    found = left.generate(TEXTS * 5, top_p=1.0, max_tokens=20)
    assert not {token for g in found for token in g.tokens} & {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def test_the_text_is_kept_as_it_was_given(left: Model) -> None:
    for text, found in zip(TEXTS, left.generate(TEXTS, top_p=1.0, seed=1, max_tokens=6), strict=True):
        assert found.text.startswith(text) and found.text.endswith(found.continuation)
        joined = left.tokenizer.decode([left.tokenizer.vocabulary.tokens.index(t) for t in found.tokens])
        if found.tokens and found.tokens[0].startswith("##") and text:
            assert found.text == text + joined.removeprefix("##")
        elif found.tokens and text:
            assert found.text == f"{text} {joined}"


def test_the_positions_are_a_limit(left: Model) -> None:
    text = " ".join(["man"] * 60)
    assert small_models.POSITIONS == 40
    for seed in range(5):
        (found,) = left.generate([text], max_tokens=50, top_p=1.0, seed=seed)
        assert found.truncated
        # [CLS], the last 20 pieces, and as many as there are places left
        assert (found.stopped, len(found.tokens) == 19) in (("positions", True), ("end", False))
    (short,) = left.generate(["man"], max_tokens=10**9)
    assert len(short.tokens) <= small_models.POSITIONS - 2
    assert (short.stopped == "positions") == (len(short.tokens) == small_models.POSITIONS - 2)


def test_a_long_beginning_leaves_room_for_what_was_asked_for(left: Model) -> None:
    beginning = ["the"] * 30 + ["man"] * 35
    long, kept = (left.generate([" ".join(beginning[-n:])], max_tokens=4)[0] for n in (65, 35))
    assert (long.tokens, long.stopped) == (kept.tokens, kept.stopped)
    assert (long.truncated, kept.truncated) == (True, False)
    assert long.stopped == "end" or len(long.tokens) == 4
    drawn = [left.generate([" ".join(beginning)], max_tokens=4, top_p=1.0, seed=n)[0] for n in range(20)]
    assert max(len(found.tokens) for found in drawn) == 4


def test_room_for_the_beginning_by_hand() -> None:
    rooms = {(512, 40): 471, (512, 1): 510, (512, 255): 256, (512, 1000): 256, (40, 50): 20, (2, 5): 0}
    assert {request: room_for_beginning(*request) for request in rooms} == rooms


# -- the nucleus ----------------------------------------------------------------------------------------


def test_nucleus_by_hand() -> None:
    shares = np.array([0.1, 0.4, 0.1, 0.3, 0.1])
    assert nucleus(shares, 0.4).tolist() == [1]
    assert nucleus(shares, 0.41).tolist() == [1, 3]
    assert nucleus(shares, 0.75).tolist() == [1, 3, 0]  # of equal ones the smaller id first
    assert nucleus(np.array([0.5, 0.0, 0.5]), 1.0).tolist() == [0, 2]
    assert [draw(shares, 0.7, chance) for chance in (0.0, 0.57, 0.58, 0.999999)] == [1, 1, 3, 3]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any), st.floats(0.001, 1.0))
def test_nucleus_is_the_smallest_that_is_enough(counts: list[int], top_p: float) -> None:
    shares = np.array(counts, np.float64) / sum(counts)
    kept = nucleus(shares, top_p)
    assert list(shares[kept]) == sorted(shares, reverse=True)[: len(kept)]
    assert (shares[kept] > 0).all()
    assert shares[kept].sum() >= top_p - 1e-9
    assert len(kept) == 1 or shares[kept[:-1]].sum() < top_p


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.99])
def test_nucleus_as_in_transformers(top_p: float) -> None:
    logits = torch.randn(20, 200, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 3
    warped = transformers.TopPLogitsWarper(top_p)(None, logits.clone())
    for row, left_over in zip(logits, warped, strict=True):
        kept = nucleus(row.softmax(-1).numpy(), top_p)
        assert set(kept.tolist()) == set(left_over.isfinite().nonzero().flatten().tolist())


# -- requests, files ------------------------------------------------------------------------------------


def test_a_masked_model_refuses_and_says_why(pretrained: Model, left: Model) -> None:
    with pytest.raises(ModelError, match="has never learned to say what comes next"):
        pretrained.generate(TEXTS)
    with pytest.raises(ModelError, match="does not see what stands behind a blank"):
        left.fill_mask("the [MASK] .")
    with pytest.raises(ModelError, match="a next sentence head"):
        left.next_sentence("one", "two")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": 0}, "max_tokens: expected at least 1, got 0"),
        ({"top_p": 0.0}, "top_p: expected a number above 0, at most 1, got 0"),
        ({"top_p": 1.5}, "top_p: expected a number above 0, at most 1, got 1.5"),
    ],
)
def test_arguments_out_of_range(left: Model, change: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        left.generate(TEXTS, **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected a list of texts"):
        left.generate("one text")


def test_a_file(left: Model, tmp_path: Path) -> None:
    """Blocks change nothing: chance goes by the number of the text."""
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(TEXTS) + "\n")
    outputs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for output, size in zip(outputs, (3, 100), strict=True):
        summary = generate_file(left, file, output, top_p=0.8, seed=5, max_tokens=7, rows_per_block=size)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    rows = [strict_json.parse(line, outputs[0]) for line in outputs[0].read_text().splitlines()]
    found = left.generate(TEXTS, top_p=0.8, seed=5, max_tokens=7)
    assert rows == [{"row": number, **g.to_dict()} for number, g in enumerate(found)]
    assert (summary.rows, summary.tokens) == (4, sum(len(g.tokens) for g in found))
    assert summary.stopped == {
        stop: sum(g.stopped == stop for g in found) for stop in ("end", "tokens", "positions")
    }
    assert summary.truncated == 0
