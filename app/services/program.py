"""How the window starts this program's own commands as processes. No Qt."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

MAIN: Final = Path(__file__).resolve().parents[2] / "main.py"
"""Beside ``app`` both in a checkout and once installed."""


def words(*command: str) -> list[str]:
    """Return the words that run one of this program's commands with this Python."""
    return [sys.executable, str(MAIN), *command]


def interrupt(pid: int) -> None:
    """Ask a process to save and end, as Ctrl+C does; one that is gone already is fine.

    By SIGTERM, which the commands take like Ctrl+C: a program started in the background of a script ignores SIGINT, and
    so do its children.
    """
    try:
        os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return
