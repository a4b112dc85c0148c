"""Ctrl+C and a polite kill are never lost, whatever the program is in the middle of."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import main
from core import media, stopping


@pytest.fixture
def listening() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stopping.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    stopping._REQUEST.asked = False


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("words", [("predict", "--checkpoint"), ("compare", "--a")])
def test_a_kill_that_a_library_swallows_ends_the_command_after_the_input_at_work(
    listening: None, weights: Path, write_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: tuple[str, str],
) -> None:  # fmt: skip
    frames = media.frames

    def killed(path: Path) -> Iterator[media.Frame]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            # As in a finaliser, out of which no exception gets.
            pass
        return frames(path)

    monkeypatch.setattr(media, "frames", killed)
    pictures = [str(write_picture(f"{number}.jpg")) for number in range(4)]
    beside = ("--b", str(weights)) if words[0] == "compare" else ()
    assert main.main([*words, str(weights), *beside, *pictures]) == 130
    assert "Stopped: 1 of 4 inputs done." in capsys.readouterr().err


def test_without_a_request_nothing_stops(listening: None) -> None:
    stopping.check()
