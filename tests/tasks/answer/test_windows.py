"""Windows and maximum context: by hand, and what holds for all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bertwright.tasks.answer.windows import Window, max_context, windows_over


def test_by_hand() -> None:
    assert windows_over(10, 10, 4) == [(0, 10)]
    assert windows_over(11, 6, 4) == [(0, 6), (4, 6), (8, 3)]
    assert windows_over(11, 6, 99) == [(0, 6), (6, 5)], "a stride longer than the room leaves nothing out"
    assert windows_over(0, 6, 4) == [(0, 0)]


def test_max_context_by_hand() -> None:
    # the passage of the original's comment: "bought" has 3 left and 0 right, then 1 and 4
    windows = [Window(0, 5), Window(3, 5), Window(6, 5)]
    assert [best.astype(int).tolist() for best in max_context(windows)] == [
        [1, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 1],
    ]
    # of equal contexts the longer window has it, of equal windows the first
    assert [best.tolist() for best in max_context([Window(0, 3), Window(2, 2)])] == [[1, 1, 1], [0, 1]]
    assert [best.tolist() for best in max_context([Window(0, 2), Window(1, 2)])] == [[1, 1], [0, 1]]
    assert [best.tolist() for best in max_context([Window(0, 0)])] == [[]]


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 50))
def test_every_piece_is_seen_and_is_at_its_best_once(pieces: int, room: int, stride: int) -> None:
    windows = windows_over(pieces, room, stride)
    assert windows[0].start == 0 and windows[-1].end == pieces
    seen = [0] * pieces
    owned = [0] * pieces
    for window, best in zip(windows, max_context(windows), strict=True):
        assert len(best) == window.length <= room
        for place, owns in enumerate(best, window.start):
            seen[place] += 1
            owned[place] += int(owns)
    assert all(seen) and set(owned) <= {1}


@given(st.integers(1, 120), st.integers(1, 30), st.integers(1, 30))
def test_max_context_is_the_originals_rule(pieces: int, room: int, stride: int) -> None:
    windows = windows_over(pieces, room, stride)
    found = max_context(windows)
    for piece in range(pieces):
        scores = {
            number: min(piece - window.start, window.end - 1 - piece) + 0.01 * window.length
            for number, window in enumerate(windows)
            if window.start <= piece < window.end
        }
        best = max(scores, key=lambda number: (scores[number], -number))
        owners = [number for number in scores if found[number][piece - windows[number].start]]
        assert owners == [best]
