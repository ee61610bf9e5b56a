"""The page to try a model, as it lies in this package: a fixed table, read once."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType

from starlette.responses import Response

_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def page_files() -> MappingProxyType[str, tuple[bytes, str]]:
    """Address to bytes and media type."""
    folder = files("bertwright.serving").joinpath("page")
    return MappingProxyType(
        {
            "/" if name == "index.html" else f"/{name}": (folder.joinpath(name).read_bytes(), media)
            for name, media in _TYPES.items()
        }
    )


def page_response(content: bytes, media: str) -> Response:
    """One file of it."""
    return Response(content, headers={"Cache-Control": "no-cache"}, media_type=media)
