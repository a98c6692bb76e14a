"""The error of a bundle that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: A file, and a line in it: counted from 1, or 0 for the file as a whole.
Location = tuple[Path, int]
#: Receives a message about what is odd but harmless, and its location, if known.
Warn = Callable[[str, "Location | None"], None]


class BundleError(ValueError):
    """A bundle that cannot be used.

    :param message: the problem, as a sentence. In an error that :func:`.load.load_bundle` raises,
        it begins with the file and line.
    :param location: the file and line of the problem, if known.
    :param sources: every file that was read, and every file or folder that may yet appear.
    """

    def __init__(
        self,
        message: str,
        location: Location | None = None,
        sources: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.sources = sources


@contextmanager
def errors_at(location: Location) -> Iterator[None]:
    """Give errors a location, unless they have one."""
    try:
        yield
    except BundleError as error:
        raise BundleError(error.message, error.location or location) from None
