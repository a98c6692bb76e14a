"""How a run that goes on is shown: a line per change, or a picture that is kept up to date."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .formatting import news
from .output import print_progress

if TYPE_CHECKING:
    from ..clock import Clock
    from ..runs.outcome import RunStatus


class Progress(ABC):
    """Shows the states of one run as they come, as long as it is entered."""

    def __enter__(self) -> Progress:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Leave on the screen what was shown last."""

    @abstractmethod
    def tell(self, status: RunStatus) -> None:
        """Show a state.

        :param status: the newest.
        """


class Lines(Progress):
    """A line per change, for logs and pipes."""

    def __init__(self) -> None:
        self._before: RunStatus | None = None

    def __exit__(self, *_: object) -> None:
        """Lines stay where they are."""

    def tell(self, status: RunStatus) -> None:
        print_progress(news(self._before, status))
        self._before = status


def progress_of(key: str, clock: Clock, *, for_people: bool) -> Progress:
    """The way that fits who looks: live on a terminal where rich is installed, else lines.

    :param key: the job's.
    :param clock: the time.
    :param for_people: whether people read the result, and not programs.
    """
    if for_people and sys.stderr is not None and sys.stderr.isatty():
        try:
            from .live import Live, drawable_console
        except ModuleNotFoundError:  # rich is an extra
            return Lines()
        console = drawable_console()
        if console is not None:
            return Live(key, clock, console)
    return Lines()
