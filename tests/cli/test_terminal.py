"""A run that goes on, drawn on a terminal."""

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

from tests.cli.conftest import Run, Start
from tests.support import DEADLINE, RunGate, wait_until

pytestmark = pytest.mark.processes


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
    on_terminal: OnTerminal, run_gate: RunGate
) -> None:
    terminal = on_terminal("run", "held", "-p", f"gate={run_gate.params['gate']}")
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
