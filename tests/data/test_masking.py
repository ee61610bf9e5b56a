from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.data import masking
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.masking import MaskRule, mask_candidates, mask_rows, mask_tokens

CLS, SEP, MASK, SIZE = 1, 2, 3, 60
STARTS = np.array([number < 40 for number in range(SIZE)])  # 40 to 59 are pieces ##...
RULE = MaskRule.of(InstanceSettings(), MASK, SIZE)


def kernel(
    rows: list[tuple[list[int], list[int]]], counts: list[int], whole_word: bool, key: int, rule: MaskRule
) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """Ids, positions and labels of each row, by the kernel."""
    ids = [assembled(a, b) for a, b in rows]
    columns = max(map(len, ids))
    table = np.zeros((len(ids), columns), np.int64)
    for row, values in enumerate(ids):
        table[row, : len(values)] = values
    room = sum(counts[len(values)] for values in ids)
    positions, labels = np.full(room, -1, np.int64), np.full(room, -1, np.int64)
    total = mask_rows(
        table,
        np.array([len(a) for a, _ in rows], np.int64),
        np.array([len(b) for _, b in rows], np.int64),
        np.array(counts, np.int64),
        STARTS[table] if whole_word else np.zeros((0, 0), np.bool_),
        np.full(len(rows), key, np.uint64),
        np.arange(len(rows), dtype=np.uint64),
        rule,
        positions,
        labels,
    )
    row_of = positions[:total] // columns
    return (
        [table[row, : len(values)].tolist() for row, values in enumerate(ids)],
        [(positions[:total][row_of == row] % columns).tolist() for row in range(len(ids))],
        [labels[:total][row_of == row].tolist() for row in range(len(ids))],
    )


def assembled(a: list[int], b: list[int]) -> list[int]:
    return [CLS, *a, SEP, *b, SEP] if b else [CLS, *a, SEP]


def special(a: list[int], b: list[int]) -> list[int]:
    return [0, len(a) + 1, len(a) + len(b) + 2] if b else [0, len(a) + 1]


def test_words_are_grouped_by_their_pieces() -> None:
    ids = [CLS, 10, 40, 41, 11, SEP, 42, 12, SEP]
    assert mask_candidates(ids, [0, 5, 8], None) == [[1], [2], [3], [4], [6], [7]]
    # 42 is a piece at the beginning of B: it belongs to A's last word, as in the original.
    assert mask_candidates(ids, [0, 5, 8], STARTS[ids].tolist()) == [[1, 2, 3], [4, 6], [7]]
    assert mask_candidates([CLS, 40, 10, SEP], [0, 3], STARTS[[CLS, 40, 10, SEP]].tolist()) == [[1], [2]]


def test_draws_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    half = 2**31
    script = {0: (half, 0, 0, 0), 1: (0, 2**32 - 1, 0, 0), 2: (0, int(0.85 * 2**32), half, 0)}
    monkeypatch.setattr(masking, "philox", lambda key, index, number: script[number])
    ids = [CLS, 10, 11, 12, 13, SEP]
    result = mask_tokens(ids, [[1], [2], [3], [4]], 3, 0, 0, RULE)
    # The third of four becomes [MASK] and changes places with the first; then the second stays; then the
    # first becomes entry 30 of 60.
    assert result == ([CLS, 30, 11, MASK, 13, SEP], [1, 2, 3], [10, 11, 12])


def test_a_word_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "philox", lambda key, index, number: (0, 0, 0, 0))
    result = mask_tokens([CLS, 10, 40, 41, 11, SEP], [[1, 2, 3], [4]], 2, 0, 0, RULE)
    assert result.positions == [4]


row = st.tuples(
    st.lists(st.integers(4, SIZE - 1), min_size=1, max_size=40),
    st.lists(st.integers(4, SIZE - 1), max_size=40),
)


@given(st.lists(row, min_size=1, max_size=4), st.booleans(), st.floats(0.01, 0.99), st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_kernel_equals_definition(
    rows: list[tuple[list[int], list[int]]], whole_word: bool, probability: float, key: int
) -> None:
    counts = InstanceSettings(max_length=83, masked_lm_probability=probability).prediction_counts()
    ids, positions, labels = kernel(rows, counts, whole_word, key, RULE)
    for index, (a, b) in enumerate(rows):
        plain = assembled(a, b)
        candidates = mask_candidates(plain, special(a, b), STARTS[plain].tolist() if whole_word else None)
        groups = copy.deepcopy(candidates)
        expected = mask_tokens(plain, candidates, counts[len(plain)], key, index, RULE)
        assert (ids[index], positions[index], labels[index]) == tuple(expected)
        check_instance(plain, expected, groups, special(a, b), counts[len(plain)], whole_word)


def check_instance(
    plain: list[int],
    masked: masking.MaskedTokens,
    groups: list[list[int]],
    specials: list[int],
    count: int,
    whole_word: bool,
) -> None:
    assert not set(masked.positions) & set(specials)
    assert masked.positions == sorted(set(masked.positions))
    assert masked.labels == [plain[position] for position in masked.positions]
    untouched = set(range(len(plain))) - set(masked.positions)
    assert all(masked.ids[position] == plain[position] for position in untouched)
    chosen = set(masked.positions)
    if whole_word:
        assert all(chosen.issuperset(group) or chosen.isdisjoint(group) for group in groups)
        assert len(chosen) <= count
    else:
        assert len(chosen) == min(count, len(plain) - len(specials))


@pytest.mark.parametrize(
    "mask_share, random_share, kinds",
    [(1.0, 0.0, {"mask"}), (0.0, 1.0, {"random"}), (0.0, 0.0, {"kept"}), (0.5, 0.5, {"mask", "random"})],
)
def test_shares_at_their_ends(mask_share: float, random_share: float, kinds: set[str]) -> None:
    rule = MaskRule.of(InstanceSettings(mask_share=mask_share, random_share=random_share), MASK, SIZE)
    found = set()
    for key in range(50):
        ids, positions, labels = kernel([(list(range(4, 40)), [50])], [10] * 41, False, key, rule)
        for position, label in zip(positions[0], labels[0], strict=True):
            now = ids[0][position]
            found.add("mask" if now == MASK else "kept" if now == label else "random")
    assert kinds <= found <= kinds | ({"kept", "mask"} if "random" in kinds else set())


def test_every_candidate_is_equally_likely() -> None:
    hits = np.zeros(23, np.int64)
    for key in range(2000):
        _, positions, _ = kernel([(list(range(4, 14)), list(range(20, 30)))], [3] * 24, False, key, RULE)
        hits[positions[0]] += 1
    assert hits[0] == hits[11] == hits[22] == 0
    candidates = hits[[*range(1, 11), *range(12, 22)]]
    assert abs(candidates - 300).max() < 80  # 6000 draws over 20: deviation 16
