"""The one exception for mistakes a user can mend, and the exit code of what a user ends."""

from __future__ import annotations

from typing import Final

INTERRUPTED: Final = 130
"""Exit code of work that Ctrl+C ended, as shells have it."""


class UserError(Exception):
    """Something a user can put right: what is wrong and what to do, one sentence together.

    Attributes:
        what: what is wrong, without a final full stop ("photo.jpg is not a picture").
        what_to_do: what the user can do about it ("open a JPEG, PNG, WebP, BMP or TIFF file").
    """

    def __init__(self, what: str, what_to_do: str) -> None:
        super().__init__(f"{what}: {what_to_do}.")
        self.what = what
        self.what_to_do = what_to_do

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str]]:
        # An exception is pickled with its one message otherwise, from which it could not be made again.
        return type(self), (self.what, self.what_to_do)


class RunError(UserError):
    """Work that was well asked for and failed on the way (a diverged training, a full disk): exit code 1, not 2."""
