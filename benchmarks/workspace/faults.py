"""Faults between a client and the workspace, at random."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Faults:
    """The faults of one client, which its bearer token identifies.

    :param drop: the share of its triggers that are accepted, and the connection then breaks.
    :param too_many: the share of its triggers that are refused with 429.
    :param unavailable: the share of its triggers that are refused with 503.
    :param concerns_all: the shares are those of all requests, not only of triggers.
    :param delay: seconds before each answer.
    :param is_silent: no answer ever comes.
    :param random: with the same seed for each client, so that all have the same faults.
    """

    drop: float = 0.0
    too_many: float = 0.0
    unavailable: float = 0.0
    concerns_all: bool = False
    delay: float = 0.0
    is_silent: bool = False
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def draw(self) -> str | None:
        """Return the fault of a trigger: ``drop``, ``429``, ``503`` or none."""
        drawn = self.random.random()
        for name, share in (
            ("drop", self.drop),
            ("429", self.too_many),
            ("503", self.unavailable),
        ):
            if drawn < share:
                return name
            drawn -= share
        return None
