"""The demo's corpus: what a docstring becomes, and that this installation has plenty."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright.demo import documentation
from bertwright.demo.documentation import collect, paragraphs_of


def test_paragraphs() -> None:
    docstring = """Add two numbers.

        The sum is computed
        exactly.

        Examples
        --------
        >>> add(1, 2)
        3

        See Also: subtract
        """
    assert paragraphs_of(docstring) == (
        "Add two numbers.",
        "The sum is computed exactly.",
        "Examples",
        "See Also: subtract",
    )


def test_docstrings_are_read_without_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "numpy"
    (package / "tests").mkdir(parents=True)
    empty = tmp_path / "empty"
    long = "A sentence of documentation. " * 9
    (package / "a.py").write_text(
        f'"""{long}"""\nraise SystemExit("imported")\n\ndef f():\n    """{long} f."""\n'
    )
    (package / "b.py").write_text("def broken(:\n")
    (package / "c.py").write_text(f'add_newdoc("numpy", "array", """{long} c.""")\n')
    (package / "d.py").write_text(f'"""{long}"""\n')  # seen already
    (package / "tests" / "t.py").write_text(f'"""{long} t."""\n')
    monkeypatch.setattr(
        documentation.sysconfig, "get_path", lambda name: str(tmp_path if name == "purelib" else empty)
    )
    monkeypatch.setattr(documentation, "PACKAGES", ("numpy",))
    found = [text.paragraphs[0][-2:] for text in collect() if text.package == "numpy"]
    assert found == ["n.", "f.", "c."]


@pytest.mark.slow
def test_this_installation_has_enough() -> None:
    texts = collect()
    assert len(texts) > 10_000
    assert sum(len(line) for text in texts for line in text.paragraphs) > 8_000_000
    assert len({text.package for text in texts}) >= 6
    assert texts == collect()
