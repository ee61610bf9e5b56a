"""docs/data.md: its program runs, its names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bertwright.data.prepare import prepare
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{number}" for number in range(40)]
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *words]) + "\n")
    lines = [" ".join(words[(n * 3 + i) % 40] for i in range(25)) for n in range(400)]
    (tmp_path / "corpus.txt").write_text("\n\n".join("\n".join(lines[n : n + 10]) for n in range(0, 400, 10)))
    monkeypatch.chdir(tmp_path)
    prepare(["corpus.txt"], vocabulary="vocab.txt", output="my-store", one_sentence_per_line=True, workers=1)
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {}
    exec(program, names)
    assert names["batch"].masked_positions.size  # type: ignore[attr-defined]
    assert names["part"].input_ids.shape == (128, 128)  # type: ignore[attr-defined]


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(\.\./([^)]+)\)", PAGE)
    assert len(links) >= 9
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_finding_is_listed() -> None:
    sources = [
        ROOT / "src" / "bertwright" / "data" / name for name in ("store_doctor.py", "corpus_doctor.py")
    ]
    made = {
        name
        for source in sources
        for name in re.findall(
            r'(?:severity|Severity\.\w+(?: if .*)?|_LineCheck\()\s*,?\s*"(\w+)"', source.read_text()
        )
    }
    listed = set(re.findall(r"`(\w+)`", PAGE.partition("| name | of |")[2]))
    assert len(made) >= 15
    assert made == listed
