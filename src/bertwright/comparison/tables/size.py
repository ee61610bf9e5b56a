"""Table 6: depth, width and heads, in the paper's proportions to the size that is asked for.

With size = "base" these are the paper's own rows: (3, 768, 12), (6, 768, 3), (6, 768, 12), (12, 768, 12),
(12, 1024, 16), (24, 1024, 16).
"""

from __future__ import annotations

from bertwright.comparison.plan import Draft
from bertwright.comparison.settings import ComparisonSettings
from bertwright.config.settings import load
from bertwright.pretraining.config import PretrainingSettings

_ANY_VOCABULARY = 30_522


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """The rows from the smallest to the largest; those that come out equal in a small network only once.

    Raises:
        SettingsError: the size that is asked for is none.
    """
    said = {"size": settings.pretraining.size, **_shape(settings), "steps": 1}
    base = load(PretrainingSettings, overrides=said).value.bert_config(_ANY_VOCABULARY)
    depth, heads, head = base.num_hidden_layers, base.num_attention_heads, base.head_size
    quarter, half = max(1, depth // 4), max(1, depth // 2)
    wide = max(heads + 1, round(heads * 4 / 3))
    rows = {
        "quarter-depth": (quarter, heads, head),
        "half-depth-few-heads": (half, max(1, heads // 4), heads * head // max(1, heads // 4)),
        "half-depth": (half, heads, head),
        "base": (depth, heads, head),
        "wide": (depth, wide, head),
        "wide-deep": (2 * depth, wide, head),
    }
    seen: set[tuple[int, int, int]] = set()
    found = []
    for name, (layers, count, width) in rows.items():
        shape = (layers, count * width, count)
        if shape not in seen:
            found.append(_draft(name, *shape))
        seen.add(shape)
    return found


def _shape(settings: ComparisonSettings) -> dict[str, int]:
    given = settings.pretraining.given()
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    return {name: given[name] for name in names if given.get(name) is not None}


def _draft(name: str, layers: int, width: int, heads: int) -> Draft:
    one = "1 head" if heads == 1 else f"{heads} heads"
    title = f"{layers} layer{'s' if layers > 1 else ''} of {width}, {one}"
    sizes = {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
    }
    return Draft(name, title, sizes)
