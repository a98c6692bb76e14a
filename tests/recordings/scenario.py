"""Runs the script of a scenario of the CLI's tests with our reader in place of the CLI."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import DEADLINE

_CLIENT = Path(__file__).with_name("client.py")
# Functions of the CLI's acceptance/script.prepare that scripts call, without what they do for the
# CLI alone. A script goes on after an error, so that each call is compared.
_PRELUDE = """
errcode() {
  WRAPPER=errcode "$@"
  local code=$?
  [ $code -ne 0 ] && >&2 printf "\\nExit code: $code\\n"
  return 0
}
musterr() { WRAPPER=musterr "$@"; return 0; }
export WRAPPER=""
trace() {
  >&2 printf "\\n>>> %s\\n" "$*"
  if [[ "$1" == *"="* ]]; then
    local variables=()
    while [[ "$1" == *"="* ]]; do variables+=("$1"); shift; done
    ( export "${variables[@]}"; "$@" )
  else "$@"; fi
}
git-repo-init() {
  git init -qb main
  git -c user.name=T -c user.email=t@localhost commit -q --allow-empty -m 'Add databricks.yml'
}
title() { printf "\\n=== %b" "$1"; }
withdir() {
  local dir="$1" before="$(pwd)" code
  shift
  cd "$dir"; "$@"; code=$?; cd "$before"
  return $code
}
uuid() { python3 -c 'import uuid; print(uuid.uuid4())'; }
venv_activate() { :; }
envsubst() { env envsubst.py; }
retry() { "$@"; }
add_repl() { :; }
readplanarg() { printf ""; }
as-test-sp() { "$@"; }
sethome() { mkdir -p "$1"; export HOME="$(cd "$1" && pwd)"; }
print_telemetry_bool_values() { :; }
uv() { while [ $# -gt 0 ] && [ "$1" != "$CLI" ]; do shift; done; [ $# -gt 0 ] && "$@"; }
"""
_USER = "tester@localhost"
_VALUES = {
    "DATABRICKS_URL": "https://workspace.example.com",
    "DEFAULT_SPARK_VERSION": "13.3.x-snapshot-scala2.12",
    "NODE_TYPE_ID": "i3.xlarge",
    "TEST_DEFAULT_CLUSTER_ID": "0717-132531-5opeqon1",
    "TEST_DEFAULT_WAREHOUSE_ID": "8ec9edc1-db0c-40df-af8d-7580020fe61e",
    "TEST_INSTANCE_POOL_ID": "0123-456789-pool",
    "UNIQUE_NAME": "uniquename",
    "USERNAME": _USER,
}
_SECTION = re.compile(r"^(?=>>> |=== )", re.MULTILINE)
_NOT_COPIED = re.compile(r"out(put)?\.|out$")


@dataclass(slots=True)
class Output:
    """The text that a script printed, and the files that it wrote."""

    text: str
    files: dict[str, str]

    def sections(self) -> dict[str, str]:
        """Return the parts between the lines that name commands, by that line."""
        found: dict[str, str] = {}
        for part in _SECTION.split(self.text):
            title, _, body = part.partition("\n")
            if not title.startswith((">>> ", "=== ")):
                title, body = "", part
            name, number = title, 1
            while name in found:
                number += 1
                name = f"{title} #{number}"
            found[name] = body
        for name, text in self.files.items():
            found[f"file {name}"] = text
        return found


@dataclass(slots=True)
class Run:
    """The result of a scenario: the calls of the CLI, and the output of its script."""

    output: Output
    calls: list[dict[str, Any]] = field(default_factory=list)


def read_recorded(folder: Path) -> Output:
    """Return the recorded output of a scenario."""
    file = folder / "output.txt"
    text = restore(file.read_text(encoding="utf-8")) if file.is_file() else ""
    files = {
        each.name: restore(each.read_text(encoding="utf-8"))
        for each in sorted(folder.glob("out.*"))
        if each.is_file() and each.name != "out.test.toml" and ".terraform." not in each.name
    }
    return Output(text, files)


def run_scenario(root: Path, folder: Path, work: Path, server: Path) -> Run:
    """Run a scenario.

    :param root: the folder ``acceptance`` of the CLI's repository.
    :param folder: the scenario's folder.
    :param work: an empty folder to run it in.
    :param server: the socket of the stand-in for the CLI.
    """
    shutil.copytree(
        folder,
        work,
        dirs_exist_ok=True,
        symlinks=True,
        ignore=lambda _, names: [name for name in names if _NOT_COPIED.match(name)],
    )
    calls = work.with_name(work.name + ".calls")
    cli = work.with_name(work.name + ".databricks")
    cli.write_text(f'#!/bin/sh\nexec "{sys.executable}" -ISE "{_CLIENT}" "{server}" "$@"\n')
    cli.chmod(0o755)
    environment = {
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "HOME": str(work),
        "LOGNAME": "tester",
        "CLI": str(cli),
        "CALLS": str(calls),
        "TESTDIR": str(folder),
        "TESTROOT": str(root),
        "TEST_TMP_DIR": str(work),
        "CURRENT_USER_NAME": _USER,
        "DATABRICKS_HOST": _VALUES["DATABRICKS_URL"],
        "DATABRICKS_TOKEN": "token",
        "UV_ARGS": "[UV_ARGS]",  # as the recordings have it
        "DATABRICKS_BUNDLE_ENGINE": "direct",
        **_VALUES,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(work.parent),
        **_read_environment(root, folder),
    }
    script = _PRELUDE + (folder / "script").read_text(encoding="utf-8")
    try:
        result = subprocess.run(
            ["bash", "-uc", script],  # noqa: S607 (that of the machine)
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE,
            check=False,
        )
        text = result.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        text = "TIMEOUT"
    files = {
        each.name: each.read_text(encoding="utf-8", errors="replace")
        for each in sorted(work.glob("out.*"))
        if each.is_file()
    }
    output = Output(
        _replace(text, work, cli), {name: _replace(each, work, cli) for name, each in files.items()}
    )
    lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    return Run(output, [json.loads(line) for line in lines])


def _read_environment(root: Path, folder: Path) -> dict[str, str]:
    from importlib import import_module

    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    variables: dict[str, str] = {}
    for parent in [*reversed(folder.relative_to(root).parents), folder.relative_to(root)]:
        file = root / parent / "test.toml"
        if file.is_file():
            content = toml.loads(file.read_text(encoding="utf-8"))
            variables |= {key: str(value) for key, value in content.get("Env", {}).items()}
            for key, values in content.get("EnvMatrix", {}).items():
                if values and key != "DATABRICKS_BUNDLE_ENGINE":
                    variables[key] = str(values[0])
    return variables


def restore(text: str) -> str:
    """Return a recorded text with the values that its placeholders stand for here."""
    for placeholder, value in _VALUES.items():
        text = text.replace(f"[{placeholder}]", value)
    return _hide_ids(text.replace("tester@databricks.com", _USER))


def _hide_ids(text: str) -> str:
    return re.sub(r"\d{14,}", "[NUMID]", text)


def _replace(text: str, work: Path, cli: Path) -> str:
    return _hide_ids(text.replace(str(cli), "[CLI]").replace(str(work), "[TEST_TMP_DIR]"))
