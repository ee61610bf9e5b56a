"""The house: floors, one direction of imports, sizes of rooms, and what must not occur."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "bertwright"

FLOORS: list[set[str]] = [
    {"errors", "extras", "strict_json", "progress", "randomness"},
    {"durable", "config", "execution", "corpus", "statistics"},
    {"tokenization", "tables"},
    {"data", "model"},
    {"checkpoints"},
    {"export"},
    {"training", "features"},
    {"pretraining", "tasks", "looking"},
    {"comparison"},
    {"inference", "reports"},
    {"demo", "exchange", "serving"},
    {"cli"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The ground floor's single modules, and config's use of them, may look sideways within these.
GROUND = FLOORS[0]

FILES = sorted(path for path in SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            if parts[0] == "bertwright":
                rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{path}: relative import")
        elif isinstance(node, ast.Import):
            rooms |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bertwright.")
            }
    return rooms - {"__version__"}


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__"}
    assert rooms <= set(FLOOR_OF), f"rooms without a floor: {rooms - set(FLOOR_OF)}"
    assert len(FILES) > 60, f"the sweep found only {len(FILES)} files"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    floor = FLOOR_OF[room]
    for other in imported_rooms(path):
        allowed = other == room or FLOOR_OF[other] < floor or (room in GROUND and other in GROUND)
        assert allowed, (
            f"{path.relative_to(SOURCE)} (floor {floor}) imports {other} (floor {FLOOR_OF[other]})"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_rooms_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 400, "a file stays under 400 lines"
    assert path.stem not in {"utils", "helpers", "common", "misc"}, "a room without a noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= 80, f"{node.name}: {size} lines"


UNPICKLER = SOURCE / "exchange" / "unpickler.py"
"""The program that ``convert`` starts for pickles: nothing else may open one, and nobody may import it."""


def test_no_pickle_is_ever_opened() -> None:
    forbidden_modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    forbidden_calls = {"torch.load", "dcp.load", "numpy.load", "eval", "exec"}
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Call):
                if ast.unparse(node.func) in forbidden_calls and path != UNPICKLER:
                    found.append(f"{path.name}:{node.lineno} {ast.unparse(node.func)}")
                continue
            else:
                continue
            found += [f"{path.name}:{node.lineno} {name}" for name in names & forbidden_modules]
    assert not found
    assert 'torch.load(file, map_location="cpu", weights_only=True)' in UNPICKLER.read_text(encoding="utf-8")
    for path in FILES:
        assert "exchange.unpickler import" not in path.read_text(encoding="utf-8"), path


def test_public_things_are_documented() -> None:
    missing = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is None:
            missing.append(f"{path.relative_to(SOURCE)}: module")
        for node in tree.body:
            if (
                isinstance(node, (ast.FunctionDef, ast.ClassDef))
                and not node.name.startswith("_")
                and ast.get_docstring(node) is None
            ):
                missing.append(f"{path.relative_to(SOURCE)}: {node.name}")
    assert not missing
