"""Packages that only some purposes need: ``pip install 'bertwright[EXTRA]'``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bertwright.errors import UsageError


@contextmanager
def needed(package: str, *, extra: str, purpose: str) -> Iterator[None]:
    """Inside, ``package`` is imported for ``purpose``.

    Raises:
        UsageError: it cannot be; says what to install.
    """
    try:
        yield
    except ImportError as problem:
        raise UsageError(
            f"{purpose}: expected the package {package}, got none that can be imported: {problem} "
            f"(pip install 'bertwright[{extra}]')"
        ) from None
