"""Files that were damaged in small ways, by the thousand."""

from __future__ import annotations

import random

_INSERTED = (b'"', b"{", b"}", b"[", b"-", b"9" * 30, b"\0", b"\\u", b"e9", b"null", b"0.5")


def mutants(data: bytes, count: int, seed: int, reach: int = 400) -> list[bytes]:
    """``data`` with bytes flipped, cut out, doubled and inserted, all within its first ``reach`` bytes."""
    rng = random.Random(seed)
    result = []
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(min(len(changed), reach))
            kind = rng.randrange(4)
            if kind == 0:
                changed[place] ^= 1 << rng.randrange(8)
            elif kind == 1:
                del changed[place : place + rng.randint(1, 20)]
            elif kind == 2:
                changed[place:place] = changed[place : place + rng.randint(1, 20)]
            else:
                changed[place:place] = rng.choice(
                    [b'"', b"{", b"}", b"[", b"-", b"9" * 30, b"\0", b"\\u", b"e9", b"null", b"0.5"]
                )
        result.append(bytes(changed))
    return result
