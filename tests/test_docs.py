"""What the documentation says of the code is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import bertwright

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("README.md", "README.zh-CN.md", "CHANGELOG.md")
DOCUMENTS = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").glob("*.md"))]


def test_every_link_leads_somewhere() -> None:
    count = 0
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://", "mailto:")):
                assert (document.parent / target).exists(), f"{document.name}: {target}"
                count += 1
    assert count > 30, f"the sweep found only {count} links"


def test_the_map_of_the_paper_names_the_rooms() -> None:
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(\.\./src/bertwright/([^)]+)\)", text)
    assert len(links) >= 20
    for room in ("tokenization", "data", "model", "pretraining", "tasks", "features"):
        assert any(link.startswith(room) for link in links), room


def test_changelog_and_package_agree_on_the_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    assert first[1] == bertwright.__version__


def test_the_version_stands_in_the_package_alone() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in pyproject["project"]
    assert pyproject["project"]["dynamic"] == ["version"]
    source = (ROOT / pyproject["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    # As hatchling finds it: https://hatch.pypa.io/latest/plugins/version-source/regex/
    (found,) = re.findall(r"^__version__ = \"(.+)\"$", source, re.MULTILINE)
    assert found == bertwright.__version__


def test_both_readmes_show_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, re.DOTALL)
        lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
        return [line for line in lines if "bertwright " in line]

    english = commands("README.md")
    assert len(english) >= 8
    assert english == commands("README.zh-CN.md")


def test_both_readmes_tell_the_same_story() -> None:
    """As many chapters, rows of tables and links; one chapter more of the Chinese is about Chinese."""

    def shape(name: str) -> tuple[int, int, int]:
        text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        chapters = len(re.findall(r"^## ", text, re.MULTILINE))
        return chapters, len(re.findall(r"^\|", text, re.MULTILINE)), len(re.findall(r"\]\((?!#)", text))

    chapters, rows, links = shape("README.md")
    assert chapters > 4 and rows > 20 and links > 20
    assert shape("README.zh-CN.md") == (chapters, rows, links)
