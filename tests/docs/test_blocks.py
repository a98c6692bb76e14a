"""The examples of the documentation run, and its commands and files are valid."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from flask import Flask

from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.local import Address
from tests.docs.blocks import Block, all_blocks, blocks_in
from tests.support import DEADLINE, on_behalf_of

TOKEN = "token-of-the-reader"


def by_page(*languages: str) -> list[Any]:
    found = groupby(all_blocks(*languages), lambda block: block.page)
    return [pytest.param(list(blocks), id=page) for page, blocks in found]


@pytest.mark.parametrize("blocks", by_page("python", "yaml", "sh", "text", "html", "ini"))
def test_page_examples_run(
    blocks: list[Block],
    folder: Path,
    page_app: Flask,
    workspace: Address,
    own_bundle: Callable[[], None],
) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    printed = ""
    for block in blocks:
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            if block.file == "databricks.yml":
                own_bundle()
        elif block.is_run and block.language == "python":
            printed = run(folder, "python", "-c", block.text)
        elif block.is_run:
            printed = "".join(
                run(folder, *shlex.split(command, comments=True)) for command in block.commands
            )
        elif block.is_printed:
            assert re.search(block.pattern, printed, re.MULTILINE), f"{block}\n{printed}"
        elif block.language == "python" and block.can_run:
            names["app"] = Flask("example")
            code = compile(
                "\n" * (block.line - 1) + block.text, block.page, "exec", dont_inherit=True
            )
            with page_app.test_request_context("/", headers=on_behalf_of(workspace.token)):
                exec(code, names)  # noqa: S102


def run(folder: Path, *command: str) -> str:
    """Run a command without ``PYTHONPATH``, like a reader, and return its output."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**env, "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])},
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout + ended.stderr


COMMANDS = [
    pytest.param(command.partition(" jobs ")[2], id=f"{block} {command}")
    for block in all_blocks("sh")
    for command in block.commands
    if "flask" in command and " jobs " in command
]


@pytest.mark.parametrize("command", COMMANDS)
def test_page_command_lines_are_valid(command: str) -> None:
    text = command.removesuffix(')"').removesuffix(")").replace('"$run"', "1")
    name, *arguments = shlex.split(text, comments=True)
    found = command_group.get_command(click.Context(command_group), name)
    assert found is not None, f"There is no command {name!r}."
    found.make_context(name, [argument for argument in arguments if argument != "--help"])


@pytest.mark.parametrize("block", all_blocks("yaml", "json"), ids=str)
def test_page_yaml_and_json_are_valid(block: Block) -> None:
    assert (yaml.safe_load if block.language == "yaml" else json.loads)(block.text)


NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="needs Node to read JavaScript")
@pytest.mark.parametrize("block", all_blocks("js"), ids=str)
def test_page_javascript_is_valid(block: Block, tmp_path: Path) -> None:
    module = tmp_path / "block.mjs"
    module.write_text(block.text)
    read = subprocess.run([str(NODE), "--check", module], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr


def test_blocks_in_finds_line_language_and_mark() -> None:
    text = "# A\n\n```python\na = 1\n```\n\n<!-- file: b.yml -->\n```yaml\nb: 2\n```\n"
    first, second = blocks_in(text, "a.md")
    assert (first.line, first.language, first.mark, first.text) == (4, "python", "", "a = 1\n")
    assert (second.line, second.file, second.text) == (9, "b.yml", "b: 2\n")
    assert not first.is_run
    assert first.file is None


@pytest.mark.parametrize(("module", "can_run"), [("flask", True), ("no_such_module", False)])
def test_block_can_run_if_its_module_is_installed(module: str, can_run: bool) -> None:
    assert Block("a.md", 1, "python", f"needs: {module}", "").can_run is can_run


def test_block_commands_join_continued_lines() -> None:
    block = Block("a.md", 1, "sh", "run", "# why\nflask jobs \\\n  list\n\nflask jobs run\n")
    assert block.commands == ["flask jobs    list", "flask jobs run"]
    assert block.is_run


def test_block_pattern_ellipsis_matches_any_text() -> None:
    block = Block("a.md", 1, "text", "printed", "run …: done.\nnext\n")
    assert re.search(block.pattern, "first\nrun 12: done.\nnext\n", re.MULTILINE)
    assert not re.search(block.pattern, "run 12: done, next\n", re.MULTILINE)
