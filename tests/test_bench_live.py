"""``bench --live``: parts that add up to the whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import main
from core.commands import bench_live


def test_the_live_bench_measures_parts_that_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_live, "SECONDS", 3.0)
    monkeypatch.setattr(bench_live, "WARM_UP_S", 0.3)
    out = tmp_path / "live.json"
    assert main.main(["bench", "--live", "--device", "cpu", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["live"]
    assert figures["frames"] == 90 and 0 < figures["poses"] <= 90 - figures["dropped"]
    assert sum(figures["share"].values()) == pytest.approx(1.0, abs=0.01)
    latency = figures["latency_ms"]
    assert latency["infer"]["median"] > latency["crop"]["median"] > 0
    assert all(spread["p95"] >= spread["median"] >= 0 for spread in latency.values())
    assert latency["whole"]["median"] > latency["infer"]["median"]
    assert figures["poses_per_s"] > 0
    assert "poses a second" in capsys.readouterr().out
