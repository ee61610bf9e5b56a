"""Real English that every Python installation carries: its own documentation.

Documents are the help topics of ``pydoc`` and the docstrings of the standard library and of the installed
packages, read from the source files by parsing (nothing is imported). Each carries the name of the package
that it documents: a label that the text has by itself.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bertwright.execution.local import default_workers, map_ordered
from bertwright.progress import Progress, Silent

STANDARD_LIBRARY = "python"
PACKAGES = (
    "matplotlib",
    "numba",
    "numpy",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "sympy",
    "torch",
)
MIN_CHARACTERS = 200
_SKIPPED = {
    "tests",
    "test",
    "idlelib",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "node_modules",
}
_MAX_SOURCE = 4 << 20
_FILES_AT_ONCE = 64


@dataclass(frozen=True)
class DocumentationText:
    """One help topic or docstring."""

    package: str
    """The package it documents: ``"python"`` for the standard library."""
    paragraphs: tuple[str, ...]
    """One paragraph a line, wrapped lines joined."""


def collect(progress: Progress | None = None) -> list[DocumentationText]:
    """All documentation texts of this installation with at least 200 characters, each once.

    The order (package, file, place in the file) is the same on every call.
    """
    watch = progress or Silent()
    sources = list(_sources())
    watch.start("Collecting documentation", total=len(sources), unit="files")
    pieces = [sources[start : start + _FILES_AT_ONCE] for start in range(0, len(sources), _FILES_AT_ONCE)]
    texts = {text.paragraphs: text for text in _help_topics()}
    for piece, found in zip(pieces, map_ordered(_texts_of, pieces, workers=default_workers()), strict=True):
        for text in found:
            texts.setdefault(text.paragraphs, text)
        watch.advance(len(piece))
    watch.finish()
    return list(texts.values())


def paragraphs_of(docstring: str) -> tuple[str, ...]:
    """The paragraphs of a docstring, a line each: indentation gone, wrapped lines joined, sessions dropped.

    Lines of ``>>>`` sessions and table or heading rules are not English and are left out.
    """
    paragraphs: list[str] = []
    current: list[str] = []
    in_session = False
    for line in [*inspect.cleandoc(docstring).split("\n"), ""]:
        text = " ".join(line.split())
        if not text:
            in_session = False
            if current:
                paragraphs.append(" ".join(current))
                current = []
        elif in_session or text.startswith((">>>", "... ")):
            in_session = True
        elif not _RULE.fullmatch(text):
            current.append(text)
    return tuple(paragraphs)


_RULE = re.compile(r"[-=~^*+_#.|: ]+")


def _help_topics() -> Iterator[DocumentationText]:
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield from _long_enough(STANDARD_LIBRARY, topics[name])


def _texts_of(sources: list[tuple[str, Path]]) -> list[DocumentationText]:
    return [
        text
        for package, path in sources
        for docstring in _docstrings(path)
        for text in _long_enough(package, docstring)
    ]


def _long_enough(package: str, raw: str) -> Iterator[DocumentationText]:
    paragraphs = paragraphs_of(raw)
    if sum(map(len, paragraphs)) >= MIN_CHARACTERS:
        yield DocumentationText(package, paragraphs)


def _sources() -> Iterator[tuple[str, Path]]:
    standard = Path(sysconfig.get_path("stdlib"))
    yield from ((STANDARD_LIBRARY, path) for path in _python_files(standard))
    installed = Path(sysconfig.get_path("purelib"))
    for package in PACKAGES:
        yield from ((package, path) for path in _python_files(installed / package))


def _python_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in _SKIPPED:
                yield from _python_files(entry)
        elif entry.suffix == ".py" and entry.stat().st_size <= _MAX_SOURCE:
            yield entry


def _docstrings(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes are not our subject
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
        return  # a template or a file for another Python version: no documentation to read
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node, clean=False)
            if docstring:
                yield docstring
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"add_docstr", "add_newdoc"}
        ):
            yield from _documented_by_call(node)


def _documented_by_call(node: ast.Call) -> Iterator[str]:
    """Texts of ``add_newdoc("numpy", "array", "…")``, where the docstrings of compiled code live."""
    for argument in node.args:
        for part in ast.walk(argument):
            if (
                isinstance(part, ast.Constant)
                and isinstance(part.value, str)
                and len(part.value) >= MIN_CHARACTERS
            ):
                yield part.value
