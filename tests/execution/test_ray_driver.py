"""Where a Ray cluster is looked for, and what is said when there is none."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bertwright.errors import UsageError
from bertwright.execution.ray_cluster import RayCluster
from bertwright.execution.ray_driver import Driver


def test_addresses_where_no_cluster_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'bertwright[ray]'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    refused = r"expected a cluster at 127\.0\.0\.1:1, got none: Connection refused"
    with pytest.raises(UsageError, match=refused):
        Driver("127.0.0.1:1").connect()
    (tmp_path / "ray").mkdir(exist_ok=True)
    (tmp_path / "ray/ray_current_cluster").write_text("127.0.0.1:1")
    with pytest.raises(
        UsageError, match=re.escape("the last one, at 127.0.0.1:1, is gone (ray start --head")
    ):
        Driver("auto").connect()
    for wrong in ("ray://127.0.0.1:10001", "nonsense", "host:999999"):
        with pytest.raises(UsageError, match="expected HOST:PORT, auto or local as an address"):
            Driver(wrong).connect()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    for address in (None, "auto"):
        with pytest.raises(UsageError, match=r"expected a cluster at 127\.0\.0\.1:1"):
            Driver(address).connect()


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"expected the package ray.*pip install 'bertwright\[ray\]'"):
        Driver(None).connect()
    with pytest.raises(UsageError, match="workers: expected at least 1"):
        RayCluster(at_once=0)
