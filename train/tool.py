"""What the commands of one module (``python -m train.card`` and its like) have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable

from core.errors import UserError


def finished(work: Callable[[], None]) -> int:
    """Do the work of a command and return its exit code; a mistake that a user can mend is one sentence."""
    try:
        work()
    except UserError as error:
        print(f"bonesight: {error}", file=sys.stderr)
        return 1
    return 0
