"""``bench --live``: parts that add up to the whole, and a stream that leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import main
from core.commands import bench, bench_live, soak


def test_the_live_bench_measures_parts_that_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_live, "SECONDS", 3.0)
    monkeypatch.setattr(bench_live, "WARM_UP_S", 0.3)
    monkeypatch.setattr(bench, "has_display", lambda: False)
    out = tmp_path / "live.json"
    assert main.main(["bench", "--live", "--device", "cpu", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["live"]
    assert figures["frames"] == 180 and 0 < figures["poses"] <= 180 - figures["dropped"]
    assert sum(figures["share"].values()) == pytest.approx(1.0, abs=0.01)
    latency = figures["latency_ms"]
    assert latency["infer"]["median"] > latency["crop"]["median"] > 0
    assert all(spread["p95"] >= spread["median"] >= 0 for spread in latency.values())
    assert latency["whole"]["median"] > latency["infer"]["median"]
    assert figures["poses_per_s"] > 0
    printed = capsys.readouterr().out
    assert "poses a second" in printed and "no display" in printed


def test_a_long_stream_with_broken_connections_leaves_no_memory_threads_or_handles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "BREAK_EVERY_S", 4.0)
    out = tmp_path / "soak.json"
    assert main.main(["bench", "--live", "--soak", "0.33", "--device", "cpu", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["soak"]
    held = figures["held"]
    assert figures["poses"] >= 10 and figures["reconnections"] >= 2
    assert held["end"]["memory_mb"] - held["early"]["memory_mb"] < 20
    assert held["end"]["threads"] == held["early"]["threads"]
    assert held["end"]["handles"] == held["early"]["handles"]
    assert held["after"]["threads"] <= held["before"]["threads"]
    assert held["after"]["handles"] <= held["before"]["handles"]
    printed = capsys.readouterr().out
    assert "new connections" in printed and "MB from early to the end" in printed


@pytest.mark.parametrize("words", [("--soak", "1"), ("--live", "--soak", "0"), ("--live", "--soak", "nan")])
def test_a_soak_without_a_stream_or_a_time_is_refused(words: tuple[str, ...]) -> None:
    assert main.main(["bench", *words]) == 2
