"""How a pose is read is one thing: flags of the command line, settings of the window and words of its processes."""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from app.actions import ACTIONS
from core import checkpoint
from core.commands import predicting
from core.reading import SWITCHES, Reading

NAMES = [switch.name for switch in SWITCHES]
ALL = [Reading(*values) for values in itertools.product((False, True), repeat=len(SWITCHES))]


@pytest.mark.parametrize("reading", ALL, ids=lambda reading: " ".join(reading.words()) or "as usual")
def test_a_command_started_with_a_readings_words_reads_that_way(reading: Reading, weights: Path) -> None:
    parser = argparse.ArgumentParser()
    predicting.add_arguments(parser)
    args = parser.parse_args([*reading.words(), "--device", "cpu"])
    assert predicting.predictor(checkpoint.load(weights), args).reading == reading


@pytest.mark.parametrize("name", NAMES)
def test_every_switch_can_be_turned_in_the_window_by_key_and_says_what_for(name: str) -> None:
    (spec,) = [spec for spec in ACTIONS if spec.key == name]
    assert spec.checkable and spec.shortcuts and spec.menu == "Model" and len(spec.tip) > 60


def test_only_what_differs_from_the_usual_is_said_in_words() -> None:
    usual = Reading()
    assert usual.words() == []
    for switch in SWITCHES:
        turned = replace(usual, **{switch.name: not switch.default})
        assert turned.words() == [switch.metadata["flag"]] and turned != usual
