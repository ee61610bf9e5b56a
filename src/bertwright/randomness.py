"""All chance comes from counter-based generators named by what they are for.

A generator is a pure function of (seed, purpose, indices), so what step 1,000 draws does not depend on
what came before, on the number of workers, or on whether the run was resumed.
"""

from __future__ import annotations

import hashlib

import numpy as np

MAX_SEED = 2**63 - 1


def key(seed: int, purpose: str, *indices: int) -> int:
    """A 128-bit key for ``(seed, purpose, *indices)``; different names never share a stream."""
    text = f"{seed}/{purpose}/" + "/".join(map(str, indices))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, purpose: str, *indices: int) -> np.random.Generator:
    """A Philox generator for ``(seed, purpose, *indices)``, e.g. ``(seed, "masking", epoch, batch)``."""
    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *indices)))


def torch_seed(seed: int, purpose: str, *indices: int) -> int:
    """A seed in [0, 2**63) for ``torch.manual_seed``, which draws dropout."""
    return key(seed, purpose, *indices) & MAX_SEED
