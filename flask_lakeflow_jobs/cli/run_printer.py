"""Follow a run to its end: progress to stderr, the result to stdout, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..errors import LakeflowJobsError, RunNotFound
from ..runs.outcome import SUCCESSES, Outcome
from ..runs.redaction import redact
from ..text import join_lines
from .end_signals import interrupt_on_signals
from .exit_codes import ExitCode, exit_code_of
from .formatting import (
    format_error,
    format_explanation,
    format_outcome,
)
from .handles import get_state
from .printing import (
    print_document,
    print_error,
    print_json_line,
    print_output,
    print_progress,
    print_warning,
)
from .run_pages import print_run_url
from .task_outputs import format_outputs, read_outputs
from .updates import LineDisplay

if TYPE_CHECKING:
    from ..clock import Clock
    from ..handle import JobHandle
    from ..runs.explanation import Explanation
    from ..runs.outcome import RunStatus
    from ..sdk_types import Run
    from .live import LiveDisplay


class ResultFormat(Enum):
    """The form in which a run is printed to stdout."""

    #: The outputs of the tasks of a successful run.
    TEXT = "text"
    #: One JSON object at the end.
    JSON = "json"
    #: One JSON object per update.
    JSON_LINES = "json lines"


def choose_display(
    key: str, clock: Clock, result_format: ResultFormat
) -> LineDisplay | LiveDisplay:
    """Return a live display if a person reads a terminal and rich is installed, or else lines."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if result_format is ResultFormat.TEXT and is_terminal:
        try:
            from .live import LiveDisplay, open_console  # needs rich, the extra ``cli``
        except ModuleNotFoundError:
            return LineDisplay()
        if (console := open_console()) is not None:
            return LiveDisplay(key, clock, console)
    return LineDisplay()


@dataclass
class RunPrinter:
    """Follows a run and prints it.

    :param strict: Count a run that succeeded with failures as failed.
    :param extra: Members to add to the JSON.
    """

    handle: JobHandle
    run_id: int
    result_format: ResultFormat
    strict: bool
    extra: Mapping[str, Any] = field(default_factory=dict)
    _last: RunStatus | None = field(default=None, init=False)

    def follow(self, timeout: float | None, display: LineDisplay | LiveDisplay) -> ExitCode:
        """Follow the run to its end, print its result and return the exit code.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :raises RunNotFound: the job has no such run.
        """
        try:
            with interrupt_on_signals(), display:
                for status in self.handle.watch(self.run_id, timeout=timeout):
                    self._update(status)
                    display.show(status)
        except KeyboardInterrupt:
            print_progress(f"Interrupted. Run {self.run_id} continues.")
            return self._detach(ExitCode.INTERRUPTED)
        except RunNotFound:
            raise
        except LakeflowJobsError as error:
            print_error(format_error(error))
            return self._detach(ExitCode(error.exit_code))
        assert self._last is not None  # noqa: S101  # a watch ends with the run's last state
        code = self._finish(self._last)
        # The poll that saw the end records it and calls receivers, in a thread that ends with us.
        get_state().hub.wait_for_polls()
        return code

    def _update(self, status: RunStatus) -> None:
        if self._last is None:
            self._print_url(status.run)
        self._last = status
        if self.result_format is ResultFormat.JSON_LINES:
            print_json_line(self._add_run(status.to_dict()))

    def _print_url(self, run: Run) -> None:
        print_run_url(get_state(), self.handle.job, run)

    def _detach(self, code: ExitCode) -> ExitCode:
        """Stop following; the run continues."""
        if self._last is not None:
            self._print_url(self._last.run)
        print_progress(f"Watch it again: flask jobs watch {self.handle.key} {self.run_id}")
        if self.result_format is ResultFormat.JSON:
            print_document(self._ids if self._last is None else self._add_run(self._last.to_dict()))
        return code

    def _finish(self, end: RunStatus) -> ExitCode:
        code = exit_code_of(end.outcome, strict=self.strict)
        explanation = None if end.outcome is Outcome.SUCCEEDED else self._read_explanation()
        if self.result_format is ResultFormat.JSON:
            print_document(self._build_document(end, explanation))
        elif self.result_format is ResultFormat.TEXT and end.outcome in SUCCESSES:
            for text in format_outputs(end.run.tasks, self._read_outputs()):
                print_output(text)
        if end.outcome is not Outcome.SUCCEEDED:
            print_message = print_warning if code is ExitCode.SUCCEEDED else print_error
            self._print_failure(end, explanation, print_message)
        return code

    def _build_document(self, end: RunStatus, explanation: Explanation | None) -> dict[str, Any]:
        document = self._add_run(end.to_dict())
        document["outputs"] = self._read_outputs()
        if explanation is not None:
            document["explanation"] = explanation.to_dict()
        return document

    @property
    def _ids(self) -> dict[str, Any]:
        return {"job": self.handle.key, "runId": self.run_id, **self.extra}

    def _add_run(self, document: dict[str, Any]) -> dict[str, Any]:
        run = redact(document["run"], self.handle.job.secret_overrides)
        return {**self._ids, **document, "run": run}

    def _read_outputs(self) -> dict[str, Any]:
        try:
            return read_outputs(self.handle, self.run_id)
        except LakeflowJobsError as error:
            print_warning(
                f"Cannot read the output: {error.detail} Read it later:"
                f" flask jobs output {self.handle.key} {self.run_id}"
            )
            return {}

    def _read_explanation(self) -> Explanation | None:
        try:
            return self.handle.explain(self.run_id)
        except LakeflowJobsError as error:
            print_warning(f"Cannot read why the run ended like this: {error.detail}")
            return None

    def _print_failure(
        self, end: RunStatus, explanation: Explanation | None, print_message: Callable[[str], None]
    ) -> None:
        sentence = f"Run {self.run_id} of {self.handle.key}: {format_outcome(end.outcome)}."
        reason = join_lines(explanation.message) if explanation is not None else ""
        print_message(f"{sentence} {reason}".rstrip())
        if explanation is not None:
            print_progress(format_explanation(explanation))
        self._print_url(end.run)
