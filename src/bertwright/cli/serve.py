"""``bertwright serve``: models behind HTTP, and a page to try them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli import interrupts
from bertwright.cli.arguments import Common, Device, Precision, Whole
from bertwright.cli.console import Console
from bertwright.errors import UsageError, quote

KEY_VARIABLE = "BERTWRIGHT_API_KEY"


def serve(
    *models: Annotated[str, Parameter(help="Model folders; NAME=FOLDER gives one a name of its own.")],
    port: Annotated[Whole, Parameter(help="Where to listen; 0 is any port that is free.")] = 8000,
    host: Annotated[
        str, Parameter(help="The address to listen at; by default this machine alone.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str], Parameter(help="A name by which clients call this server; may be repeated.")
    ] = [],  # noqa: B006  (cyclopts reads the default; it is never changed)
    api_key_file: Annotated[
        Path | None, Parameter(help=f"A file with the key that clients must have (or {KEY_VARIABLE}).")
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    common: Common = Common(),
) -> None:
    """Serve models over HTTP: vectors, predictions, blanks, and what else they can; with a page to try it.

    The server is reached from this machine alone, unless --host, --allow-host and a key say otherwise.
    It answers once every model has been tried. Ctrl-C or SIGTERM end it when what it accepted is answered.

        bertwright serve my-classifier
        bertwright serve search=all-minilm sentiment=my-classifier --port 9000
    """
    named = _named(models)
    from bertwright.cli.loading import loaded
    from bertwright.extras import needed

    with needed("fastapi, uvicorn or prometheus-client", extra="serve", purpose="serve"):
        from bertwright.serving.server import ModelServer, Place, read_key
    key = os.environ.get(KEY_VARIABLE) if api_key_file is None else read_key(api_key_file)
    place = Place(host, port, tuple(allow_host), key)
    place.require_safe()
    with Console(common) as console:
        opened = {
            name: loaded(folder, device, console, precision=precision) for name, folder in named.items()
        }

        server = ModelServer(opened, place, progress=console)
        try:
            server.run(
                lambda: console.result(
                    {"url": server.url, "models": list(opened)},
                    f"serving {', '.join(opened)} at {server.url} (Ctrl-C ends it)",
                )
            )
        finally:
            if server.hangs:
                interrupts.give_up_threads()
        console.say("stopped")


def _named(models: Sequence[str]) -> dict[str, Path]:
    """Folders by name: what stands before ``=``, else the folder's own.

    Raises:
        UsageError: there is none, or two have one name.
    """
    if not models:
        raise UsageError("MODEL: expected at least one model folder, got none")
    found: dict[str, Path] = {}
    for model in models:
        name, equals, folder = model.partition("=")
        path = Path(folder if equals and "/" not in name else model)
        name = name if equals and "/" not in name else os.path.basename(os.path.realpath(path))
        if not name.isprintable() or not name:
            raise UsageError(f"MODEL: expected NAME=FOLDER with a printable name, got {quote(model)}")
        if name in found:
            raise UsageError(f"MODEL: expected each name once, got {quote(name)} twice (give NAME=FOLDER)")
        found[name] = path
    return found
