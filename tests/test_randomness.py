"""Keyed randomness: pinned values, and no two names share a stream."""

from __future__ import annotations

from bertwright import randomness


def test_pinned_values() -> None:
    """A change here breaks every stored run's resume."""
    assert randomness.generator(1, "masking", 0, 5).integers(0, 1000, 5).tolist() == PINNED
    assert 0 <= randomness.torch_seed(1, "dropout", 2, 3) < 2**63


def test_names_do_not_collide() -> None:
    keys = {
        randomness.key(seed, purpose, *indices)
        for seed in (0, 1, 11)
        for purpose in ("a", "b")
        for indices in ((), (1,), (1, 1), (11,), (1, 11), (11, 1))
    }
    assert len(keys) == 3 * 2 * 6


PINNED = [350, 931, 734, 341, 795]
