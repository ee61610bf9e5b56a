"""Bytes to lines: line ends, encoding, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.corpus.lines import decoded_lines
from bertwright.errors import CorpusError

PATH = Path("corpus.txt")


def lines(data: bytes, block: int = 1 << 20, **options: int) -> list[str]:
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    found: list[str] = []
    for first, group in decoded_lines(PATH, blocks, **options):
        assert first == len(found) + 1
        found += group
    return found


def test_only_lf_and_crlf_end_lines() -> None:
    inside = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\rj"
    assert lines(f"{inside}\r\n{inside}\nlast".encode()) == [inside, inside, "last"]


def test_crlf_gives_the_same_lines_as_lf() -> None:
    text = "one\ntwo\n\nthree\n"
    assert lines(text.encode()) == lines(text.replace("\n", "\r\n").encode()) == ["one", "two", "", "three"]


def test_the_byte_order_mark_is_dropped_at_the_start_only() -> None:
    assert lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n") == ["a", "\ufeffb"]
    assert lines(b"\xef\xbb\xbf") == [""]


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])), st.integers(1, 9))
def test_blocks_do_not_matter(text: str, block: int) -> None:
    expected = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    assert lines(text.encode(), block) == expected


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (b"\xff", "0xff"),
        (b"caf\xe9 noir", "Latin-1"),
        (b"caf\xe9", "Latin-1"),
        (b"\xed\xa0\x80", "surrogate"),
        (b"\xc0\xaf", "0xc0"),
        (b"\xf5\x80\x80\x80", "0xf5"),
        (b"\xe4\xb8", "0xe4"),
    ],
)
def test_what_is_not_utf8_is_named_with_line_and_offset(bad: bytes, hint: str) -> None:
    good = "naïve\n".encode()
    with pytest.raises(CorpusError) as caught:
        lines(good * 3 + bad + b"\n" + good)
    offset = 3 * len(good) + next(i for i, byte in enumerate(bad) if byte >= 0x80)
    assert caught.value.message.startswith("corpus.txt:4: expected text in UTF-8, got byte 0x")
    assert f"at byte offset {offset}" in caught.value.message
    assert hint in caught.value.message


def test_offsets_count_from_the_start_of_the_file() -> None:
    for block in (1, 3, 100):
        with pytest.raises(CorpusError, match=r"corpus\.txt:12: .* byte offset 103"):
            blocks = [b"ab\n\xff\n"[i : i + block] for i in range(0, 5, block)]
            list(decoded_lines(PATH, blocks, line=11, offset=100))


def test_nul() -> None:
    with pytest.raises(CorpusError, match=r"corpus\.txt:2: .*NUL bytes, got one at byte offset 5"):
        lines(b"abc\nd\0\n")


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_long_lines_are_refused_by_number(block: int) -> None:
    data = b"short\n" + b"x" * 21 + b"\nshort\n"
    assert len(lines(data, block, max_line_bytes=21)) == 3
    with pytest.raises(
        CorpusError, match=r"corpus.txt:2: expected lines of at most 20 bytes.*--max-line-bytes"
    ):
        lines(data, block, max_line_bytes=20)


def test_an_endless_line_is_refused_before_it_is_held() -> None:
    drawn = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal drawn
        while True:
            drawn += 1
            yield b"x" * 1000

    with pytest.raises(CorpusError, match="--max-line-bytes"):
        list(decoded_lines(PATH, endless(), max_line_bytes=10_000))
    assert drawn == 11
