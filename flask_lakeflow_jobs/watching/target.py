"""What is watched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..identity import Identity
    from ..job_config import Job


@dataclass(frozen=True, eq=False)
class Target:
    """A run, and as whom it is looked at: what one identity sees is shown to no other."""

    identity: Identity
    job: Job
    run_id: int

    @cached_property
    def group(self) -> str:
        """Names the runs that can be looked at together: those of one key, since what is secret
        may differ between the keys of a job."""
        return f"{self.identity.key}:{self.job.key}:{self.job.job_id}"

    @cached_property
    def key(self) -> str:
        """Names the run and the identity, the same in every process."""
        return f"{self.group}:{self.run_id}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)
