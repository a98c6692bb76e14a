"""Follow a run to its end: what goes on to stderr, what came out to stdout, and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import LakeflowJobsError, RunNotFound
from ..handle import cached_reads_of, outputs_of
from ..runs.ids import normalize_page_url
from ..runs.outcome import SUCCESSES, Outcome
from ..runs.redaction import redact, redact_outputs
from .exit_codes import Exit, exit_of
from .formatting import error_lines, failure_lines, format_outcome, one_line, output_lines
from .output import (
    print_document,
    print_error,
    print_json_line,
    print_progress,
    print_result,
    print_warning,
)

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..runs.explanation import Explanation
    from ..runs.outcome import RunStatus
    from ..sdk_types import Run
    from .progress import Progress

T = TypeVar("T")


class Result(Enum):
    """What of a run is printed to stdout."""

    #: What its tasks left, as text, when it has succeeded.
    TEXT = "text"
    #: One JSON object at the end.
    JSON = "json"
    #: One JSON object per change.
    JSON_LINES = "json lines"


def say_where(run: Run) -> None:
    """Tell the page of a run.

    :param run: it.
    """
    if url := normalize_page_url(run.run_page_url):
        print_progress(f"Run URL: {url}")


@dataclass
class Follower:
    """Follows one run.

    :param handle: the job's.
    :param run_id: the run.
    :param result: what of it is printed to stdout.
    :param strict: whether a run that succeeded with failures has failed.
    :param named: what the JSON says beside what is known of the run.
    """

    handle: JobHandle
    run_id: int
    result: Result
    strict: bool
    named: Mapping[str, Any] = field(default_factory=dict)
    last: RunStatus | None = field(default=None, init=False)

    def follow(self, timeout: float | None, progress: Progress) -> Exit:
        """Follow the run as long as it goes on.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :param progress: shows the run while it goes on.
        :return: the exit code.
        :raises RunNotFound: there is no such run.
        """
        try:
            with progress:
                for status in self.handle.watch(self.run_id, timeout=timeout):
                    self._take(status)
                    progress.tell(status)
        except KeyboardInterrupt:
            return self._leave(Exit.INTERRUPTED, f"Interrupted. Run {self.run_id} goes on.")
        except RunNotFound:
            raise
        except LakeflowJobsError as error:
            return self._leave(Exit(error.exit_code), "\n".join(error_lines(error)))
        assert self.last is not None  # noqa: S101  # a watch ends with the run's last state
        return self._finish(self.last)

    def _take(self, status: RunStatus) -> None:
        if self.last is None:
            say_where(status.run)
        self.last = status
        if self.result is Result.JSON_LINES:
            print_json_line(self._about_run(status.to_dict()))

    def _leave(self, code: Exit, why: str) -> Exit:
        """Stop following; the run goes on."""
        print_error(why)
        if self.last is not None:
            say_where(self.last.run)
        print_progress(f"Watch it again: flask jobs watch {self.handle.key} {self.run_id}")
        if self.last is not None and self.result is Result.JSON:
            print_document(self._about_run(self.last.to_dict()))
        return code

    def _finish(self, end: RunStatus) -> Exit:
        code = exit_of(end.outcome, strict=self.strict)
        explanation = None if end.outcome is Outcome.SUCCEEDED else self._explanation()
        if self.result is Result.JSON:
            print_document(self._document(end, explanation))
        elif self.result is Result.TEXT and end.outcome in SUCCESSES:
            outputs = self._if_readable(partial(outputs_of, self.handle))
            for text in output_lines(end.run.tasks, outputs):
                print_result(text)
        if end.outcome is not Outcome.SUCCEEDED:
            self._say_how_it_ended(end, explanation, is_failure=code is not Exit.SUCCEEDED)
        return code

    def _document(self, end: RunStatus, explanation: Explanation | None) -> dict[str, Any]:
        document = self._about_run(end.to_dict())
        outputs = self._if_readable(cached_reads_of(self.handle).get_outputs)
        document["outputs"] = redact_outputs(outputs, self.handle.job.secret_overrides)
        if explanation is not None:
            document["explanation"] = explanation.to_dict()
        return document

    def _if_readable(self, read: Callable[[int], dict[str, T]]) -> dict[str, T]:
        try:
            return read(self.run_id)
        except LakeflowJobsError as error:
            print_warning(
                f"The output cannot be read: {error.detail} Read it later:"
                f" flask jobs output {self.handle.key} {self.run_id}"
            )
            return {}

    def _explanation(self) -> Explanation | None:
        try:
            return self.handle.explain(self.run_id)
        except LakeflowJobsError as error:
            print_warning(f"Why it ended so cannot be read: {error.detail}")
            return None

    def _say_how_it_ended(
        self, end: RunStatus, explanation: Explanation | None, *, is_failure: bool
    ) -> None:
        sentence = f"Run {self.run_id} of {self.handle.key}: {format_outcome(end.outcome)}."
        if explanation is not None and (said := one_line(explanation.message)):
            sentence += f" {said}"
        (print_error if is_failure else print_warning)(sentence)
        if explanation is not None:
            print_progress(failure_lines(explanation))
        say_where(end.run)

    def _about_run(self, document: dict[str, Any]) -> dict[str, Any]:
        run = redact(document["run"], self.handle.job.secret_overrides)
        known = {"job": self.handle.key, "runId": self.run_id}
        return {**known, **self.named, **document, "run": run}
