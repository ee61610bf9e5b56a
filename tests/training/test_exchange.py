"""Slices sent from rank to rank: what gloo's own collectives give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from training import exchange_ranks

RANKS, WIDTH = 3, 1_001


def test_sums_and_slices_are_those_of_gloo(tmp_path: Path) -> None:
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
    command = [sys.executable, "-m", *launcher, exchange_ranks.__file__, str(tmp_path), str(WIDTH)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    given = [exchange_ranks.numbers(rank, RANKS * WIDTH) for rank in range(RANKS)]
    slices = torch.cat([numbers[:WIDTH] for numbers in given])
    for rank in range(RANKS):
        found = torch.load(tmp_path / f"{rank}.pt")
        expected = torch.zeros(WIDTH)
        for numbers in given:  # in the order of ranks: the same bits
            expected += numbers[rank * WIDTH : (rank + 1) * WIDTH]
        assert torch.equal(found["summed"], expected)
        assert torch.allclose(found["summed"], found["their_sum"], atol=1e-6)
        assert torch.equal(found["gathered"], slices)
        assert torch.equal(found["apart"], slices)
