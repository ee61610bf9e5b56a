"""Reads an HTML page as a browser would, and notices what must not be in it."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "input", "hr", "path", "use", "rect", "line", "circle"}


class Checker(HTMLParser):
    """Collects tags, ids, outside addresses and the visible text; notices tags that do not close, and what a
    reader without eyes or mouse would miss."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.outside: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.caption_from = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        if tag == "th":
            assert given.get("scope") in ("col", "row")
        if given.get("class") == "scroll":
            assert (given.get("tabindex"), given.get("role")) == ("0", "region")
            assert given.get("aria-label")
        if tag == "figcaption":
            self.caption_from = len(self.text)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("src", "href", "xlink:href", "action") and not (value or "").startswith("#"):
                self.outside.append(value or "")
            assert not name.startswith("on"), f"{tag} has {name}"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag == "figcaption":
            assert self.text[self.caption_from :]

    def handle_data(self, data: str) -> None:
        self.text += data
