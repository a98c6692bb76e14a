"""A run that goes on, drawn on a terminal."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flask_lakeflow_jobs.cli.live import Live, most_telling, picture
from flask_lakeflow_jobs.outcome import RunStatus, last_attempts
from tests import runs
from tests.cli.conftest import Run, Start
from tests.clocks import FakeClock
from tests.runs import FAILED, SUCCEEDED, Document, task, words
from tests.support import DEADLINE, Gate, wait_until

#: 2026-11-24 15:02:01 UTC, in seconds.
NOW = 1_795_532_521.0
MOMENT = int(NOW * 1000)

UPSTREAM_FAILED = words("TERMINATED", "UPSTREAM_FAILED")


def state(
    doing: Document | None = None, *tasks: Document, eta: int | None = None, **fields: Any
) -> RunStatus:
    fields.setdefault("start_time", MOMENT - 70_500)
    return RunStatus(MOMENT, runs.run(doing, tasks=list(tasks), **fields), eta)


def drawn(status: RunStatus, *, width: int = 80, room: int = 20, now: float = NOW) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(picture("etl", status, now, room))
    return [line.rstrip() for line in capture.get().splitlines()]


# ── the picture ───────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_drawn_with_its_tasks_as_they_are_now() -> None:
    status = state(
        None,
        task("read", SUCCEEDED, execution_duration=61_000),
        task("clean", words("RUNNING"), start_time=MOMENT - 9_400),
        task("load", words("BLOCKED")),
        eta=MOMENT + 12_800,
    )
    assert drawn(status) == [
        "etl: RUNNING  1 min 10 s, ends in about 12 s, at 15:02:13",
        "TASK   STATE      DURATION",
        "read   SUCCEEDED  1 min 01 s",
        "clean  RUNNING    9 s",
        "load   BLOCKED",
    ]
    later = drawn(status, now=NOW + 15)
    assert later[0] == "etl: RUNNING  1 min 25 s, ends any moment"
    assert later[3] == "clean  RUNNING    24 s"


def test_an_ended_run_is_drawn_as_it_was() -> None:
    status = state(SUCCEEDED, task("read", SUCCEEDED), run_duration=4_200, eta=MOMENT)
    assert drawn(status)[0] == "etl: SUCCEEDED  4.2 s"


def test_why_a_run_waits_is_drawn() -> None:
    status = state(words("QUEUED", message="Queued due to\nits maximum of runs."), start_time=None)
    assert drawn(status) == ["etl: QUEUED", "Queued due to its maximum of runs."]


def test_attempts_and_iterations_are_drawn() -> None:
    def loop(**stats: int) -> Document:
        return {"inputs": "[]", "task": {"task_key": "x"}, "stats": {"task_run_stats": stats}}

    status = state(
        None,
        task("read", FAILED),
        task("read", words("RUNNING"), attempt_number=1),
        task("each", words("RUNNING"), for_each_task=loop(total_iterations=40)),
        task(
            "all",
            words("RUNNING"),
            for_each_task=loop(total_iterations=40, completed_iterations=12, failed_iterations=1),
        ),
    )
    assert [line.split("  ")[-1].strip() for line in drawn(status)[2:]] == [
        "attempt 2",
        "0 of 40 iterations",
        "12 of 40 iterations, 1 failed",
    ]


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_cuts_lines_and_never_breaks_them(width: int) -> None:
    status = state(
        words("QUEUED", message="Queued due to its maximum of runs. " * 5),
        task("load_the_flights_of_all_carriers_into_the_warehouse", words("RUNNING")),
        *(task(f"t{number}", words("BLOCKED")) for number in range(9)),
        eta=MOMENT + 90_000,
    )
    lines = drawn(status, width=width, room=5)
    assert len(lines) == 1 + 1 + 1 + 5 + 1
    assert max(map(len, lines)) <= width
    assert lines[3].startswith("load") or width == 20


def test_where_not_all_tasks_fit_the_most_telling_are_drawn() -> None:
    tasks = [
        *(task(f"done{n:03}", SUCCEEDED, end_time=n + 1) for n in range(150)),
        task("bad", FAILED, end_time=1),
        task("never", UPSTREAM_FAILED, end_time=999),
        *(task(f"waits{n:03}", words("BLOCKED")) for n in range(46)),
        task("goes", words("RUNNING")),
    ]
    assert drawn(state(None, *tasks), room=4) == [
        "etl: RUNNING  1 min 10 s",
        "TASK     STATE      DURATION",
        "done148  SUCCEEDED",
        "done149  SUCCEEDED",
        "bad      FAILED",
        "goes     RUNNING",
        "… and 148 SUCCEEDED, 1 UPSTREAM_FAILED, 46 BLOCKED",
    ]


def test_all_tasks_are_drawn_where_they_fit() -> None:
    run = runs.run(tasks=[task("a", SUCCEEDED), task("b", words("BLOCKED"))])
    assert [each.task_key for each in most_telling(last_attempts(run.tasks), 2)] == ["a", "b"]


def test_the_picture_is_no_higher_than_the_screen_and_its_last_state_stays() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, height=10, force_terminal=True, color_system=None)
    tasks = [task(f"t{number}", words("RUNNING")) for number in range(200)]
    with Live("etl", FakeClock(NOW), console) as live:
        live.tell(state(None, *tasks))
        file.truncate(0)
        live.tell(state(SUCCEEDED, *(each | SUCCEEDED for each in tasks), run_duration=1_000))
        assert file.getvalue().count("\n") < 10
    last = file.getvalue().rpartition("etl: ")[2]
    assert last.startswith("SUCCEEDED  1.0 s")
    assert "… and 195 SUCCEEDED" in last


# ── on a terminal ─────────────────────────────────────────────────────────────────────────────────


class Terminal:
    """A terminal that a process writes to.

    :param process: it.
    :param master: the terminal's other side.
    """

    def __init__(self, process: subprocess.Popen[str], master: int) -> None:
        self.process = process
        self._master = master
        self._seen = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self._seen += chunk
        except OSError:  # nobody writes to it any more
            return

    @property
    def seen(self) -> str:
        return self._seen.decode().replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.seen, f"{text!r} on the terminal")

    def end(self) -> tuple[int, str]:
        """Wait for the end; what it left: the exit code and stdout."""
        stdout, _ = self.process.communicate(timeout=DEADLINE)
        self._reader.join(DEADLINE)
        return self.process.returncode, stdout


OnTerminal = Callable[..., Terminal]


@pytest.fixture
def on_terminal(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnTerminal]:
    """Starts ``flask jobs …`` with a terminal as its stderr."""
    opened = []
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def begin(*args: str, **options: Any) -> Terminal:
        master, slave = pty.openpty()
        opened.append(master)
        process = start(*args, stderr=slave, env={"PYTHONUTF8": "1", **options})
        os.close(slave)
        return Terminal(process, master)

    yield begin
    for master in opened:
        os.close(master)


CURSOR_UP = "\x1b[1A"
COLOUR = "\x1b[32m"


def test_on_a_terminal_the_run_is_drawn_and_the_result_goes_to_stdout(
    on_terminal: OnTerminal,
) -> None:
    terminal = on_terminal("run", "words", "-p", "args=x")
    assert terminal.end() == (0, "x\n")
    assert terminal.seen.startswith("Run URL: http://127.0.0.1:")
    last = terminal.seen.rpartition("words: ")[2]
    assert CURSOR_UP in terminal.seen
    assert COLOUR in last
    assert "SUCCEEDED" in last
    assert "say " in last


def test_no_color_draws_without_colours(on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "words", NO_COLOR="1")
    assert terminal.end() == (0, "")
    assert CURSOR_UP in terminal.seen
    assert "\x1b[3" not in terminal.seen


def test_a_failure_is_told_below_the_picture(on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "broken")
    assert terminal.end() == (1, "")
    assert "Error:" in terminal.seen.rpartition("load ")[2]
    assert "ValueError: row 7 has no date" in terminal.seen


def test_ctrl_c_leaves_the_picture_and_says_how_to_watch_again(
    on_terminal: OnTerminal, gate: Gate
) -> None:
    terminal = on_terminal("run", "held", "-p", f"gate={gate.params['gate']}")
    terminal.wait_for("wait  ")
    terminal.wait_for("RUNNING")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == (130, "")
    last = terminal.seen.rpartition("held: ")[2]
    assert "goes on.\nRun URL: " in last
    assert "Watch it again: flask jobs watch held" in last
    assert "\x1b[?25h" in last, "the cursor is shown again"


@pytest.mark.parametrize(
    ("args", "environ"),
    [((), {"TERM": "dumb"}), (("--json",), {}), ((), {"PYTHONIOENCODING": "ascii"})],
)
def test_where_nothing_can_be_drawn_or_nobody_looks_there_are_lines(
    on_terminal: OnTerminal, args: tuple[str, ...], environ: dict[str, str]
) -> None:
    terminal = on_terminal("run", "words", *args, **environ)
    assert terminal.end()[0] == 0
    assert CURSOR_UP not in terminal.seen
    assert "\x1b[?25l" not in terminal.seen
    assert "  say  " in terminal.seen


def test_without_rich_there_are_lines(on_terminal: OnTerminal, tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError('No module named rich')")
    terminal = on_terminal("run", "words", PYTHONPATH=str(tmp_path))
    assert terminal.end() == (0, "")
    assert CURSOR_UP not in terminal.seen
    assert "  say  " in terminal.seen


def test_in_a_pipe_there_are_lines_whatever_rich_is_told(shell: Run) -> None:
    ended = shell("run", "words", env={"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"})
    assert ended.code == 0
    assert "\x1b" not in ended.stderr
