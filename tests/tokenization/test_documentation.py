"""The examples and the table of ``docs/tokenization.md`` are true."""

from __future__ import annotations

import doctest
import re
from collections import Counter
from pathlib import Path

from shared import json_lines

PAGE = Path(__file__).parents[2] / "docs" / "tokenization.md"


def test_the_examples() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.failed == 0 and found.attempted == 19


def test_the_counts_of_differences() -> None:
    rows = json_lines("golden/tokenization/hf_differences.jsonl.gz")
    counts = Counter(c for row in rows if row["tokenizer"] == "uncased_lower" for c in row["causes"])
    table = (
        PAGE.read_text("utf-8").partition("## Differences to Hugging Face")[2].partition("By code point")[0]
    )
    shown = [int(number) for number in re.findall(r"^\| .+? \| (\d+) \|", table, re.MULTILINE)]
    assert shown == sorted(counts.values(), reverse=True) and len(shown) == 6
