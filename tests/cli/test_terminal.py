"""``flask jobs run`` on a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import RunFlask, StartFlask
from tests.support import DEADLINE, RunGate, wait_until

pytestmark = pytest.mark.processes


class Terminal:
    """A terminal that a process writes to."""

    def __init__(self, process: subprocess.Popen[str], master: int) -> None:
        self.process = process
        self._master = master
        self._output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self._output += chunk
        except OSError:  # the process has ended
            return

    @property
    def output(self) -> str:
        return self._output.decode().replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.output, f"{text!r} on the terminal")

    def end(self) -> tuple[int, str]:
        """Wait for the end of the process and return its exit code and stdout."""
        stdout, _ = self.process.communicate(timeout=DEADLINE)
        self._reader.join(DEADLINE)
        return self.process.returncode, stdout


StartOnTerminal = Callable[..., Terminal]


@pytest.fixture
def start_on_terminal(
    start_flask_jobs: StartFlask, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartOnTerminal]:
    """Start ``flask jobs …`` with a terminal as its stderr."""
    opened = []
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def start(*args: str, **options: Any) -> Terminal:
        master, slave = pty.openpty()
        opened.append(master)
        process = start_flask_jobs(*args, stderr=slave, env={"PYTHONUTF8": "1", **options})
        os.close(slave)
        return Terminal(process, master)

    yield start
    for master in opened:
        os.close(master)


CURSOR_UP = "\x1b[1A"
GREEN = "\x1b[32m"


def test_run_is_drawn_on_stderr_and_its_result_goes_to_stdout(
    start_on_terminal: StartOnTerminal,
) -> None:
    terminal = start_on_terminal("run", "words", "-p", "args=x")
    assert terminal.end() == (0, "x\n")
    assert terminal.output.startswith("Run URL: http://127.0.0.1:")
    last = terminal.output.rpartition("words: ")[2]
    assert CURSOR_UP in terminal.output
    assert GREEN in last
    assert "SUCCEEDED" in last
    assert "say " in last


def test_no_color_draws_without_colors(start_on_terminal: StartOnTerminal) -> None:
    terminal = start_on_terminal("run", "words", NO_COLOR="1")
    assert terminal.end() == (0, "")
    assert CURSOR_UP in terminal.output
    assert "\x1b[3" not in terminal.output


def test_error_is_printed_below_the_display(start_on_terminal: StartOnTerminal) -> None:
    terminal = start_on_terminal("run", "broken")
    assert terminal.end() == (1, "")
    assert "Error:" in terminal.output.rpartition("load ")[2]
    assert "ValueError: row 7 has no date" in terminal.output


def test_ctrl_c_keeps_the_display_and_prints_the_watch_command(
    start_on_terminal: StartOnTerminal, run_gate: RunGate
) -> None:
    terminal = start_on_terminal("run", "held", "-p", f"gate={run_gate.params['gate']}")
    terminal.wait_for("wait  ")
    terminal.wait_for("RUNNING")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == (130, "")
    last = terminal.output.rpartition("held: ")[2]
    assert "continues.\nRun URL: " in last
    assert "Watch it again: flask jobs watch held" in last
    assert "\x1b[?25h" in last, "the cursor must be visible again"


@pytest.mark.parametrize(
    ("args", "environ"),
    [((), {"TERM": "dumb"}), (("--json",), {}), ((), {"PYTHONIOENCODING": "ascii"})],
)
def test_lines_are_printed_where_nothing_can_be_drawn(
    start_on_terminal: StartOnTerminal, args: tuple[str, ...], environ: dict[str, str]
) -> None:
    terminal = start_on_terminal("run", "words", *args, **environ)
    assert terminal.end()[0] == 0
    assert CURSOR_UP not in terminal.output
    assert "\x1b[?25l" not in terminal.output
    assert "  say  " in terminal.output


def test_lines_are_printed_without_rich(start_on_terminal: StartOnTerminal, tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError('No module named rich')")
    terminal = start_on_terminal("run", "words", PYTHONPATH=str(tmp_path))
    assert terminal.end() == (0, "")
    assert CURSOR_UP not in terminal.output
    assert "  say  " in terminal.output


def test_lines_are_printed_to_a_pipe(flask_jobs_process: RunFlask) -> None:
    result = flask_jobs_process("run", "words", env={"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"})
    assert result.exit_code == 0
    assert "\x1b" not in result.stderr
