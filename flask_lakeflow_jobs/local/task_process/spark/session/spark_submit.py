"""Runs a program in Java with ``spark-submit``."""

from __future__ import annotations

import importlib.util
import os
import re
import select
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .task_spark import lock_metastore

_MAX_TRACE_LINES = 200
_POLL_SECONDS = 0.1
_EXCEPTION = re.compile(r'^(?:Exception in thread "[^"]*"|Error:|Caused by:) *(.*)')


class ProgramFailed(Exception):
    """A program that ended with an error. The message is its first exception."""

    __module__ = "builtins"  # errors name the class alone


def run_submit(payload: dict[str, Any], _: Any) -> None:
    """Run ``main_class`` of the JARs with ``parameters``, or spark-submit with ``parameters``.

    :raises ProgramFailed: it ends with another exit code than 0.
    """
    arguments = list(payload["parameters"])
    if "main_class" in payload:
        arguments = list_submit_arguments(payload["main_class"], payload["jars"], arguments)
    home = find_home()
    lock_metastore()
    process = subprocess.Popen(
        [os.path.join(home, "bin", "spark-submit"), *arguments],
        env={**os.environ, "SPARK_HOME": home},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    lines: deque[str] = deque(maxlen=_MAX_TRACE_LINES)
    with process.stderr or nullcontext():
        for line in read_lines(process):
            sys.stderr.write(line)
            lines.append(line.rstrip())
    if code := process.wait():
        raise ProgramFailed(find_exception(list(lines)) or f"spark-submit ended with code {code}.")


def read_lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines of a process's errors until it ends.

    Daemons that it has started may keep the pipe open for ever.
    """
    assert process.stderr is not None  # noqa: S101 (for mypy)
    pipe = process.stderr.fileno()
    rest = b""
    while True:
        has_ended = process.poll() is not None
        is_ready = select.select([pipe], [], [], 0 if has_ended else _POLL_SECONDS)[0]
        piece = os.read(pipe, 65536) if is_ready else b""
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "backslashreplace") + "\n"
        if not piece and (is_ready or has_ended):
            break
    if rest:
        yield rest.decode("utf-8", "backslashreplace")


def list_submit_arguments(main_class: str, jars: list[str], parameters: list[str]) -> list[str]:
    """Return the arguments of spark-submit for a class.

    :raises LookupError: no JAR has it.
    """
    name = main_class.replace(".", "/") + ".class"
    own = next((jar for jar in jars if _has_file(jar, name)), None)
    if own is None:
        raise LookupError(
            f"No JAR of the task has the class {main_class}. Its JARs: {', '.join(jars)}. Name the "
            "class in full, and build the JAR again."
        )
    others = [jar for jar in jars if jar != own]
    options = ["--jars", ",".join(others)] if others else []
    return ["--class", main_class, *options, own, *parameters]


def find_home() -> str:
    """Return the folder of Spark: that of ``SPARK_HOME``, or the package pyspark."""
    if "SPARK_HOME" in os.environ:
        return os.environ["SPARK_HOME"]
    spec = importlib.util.find_spec("pyspark")
    return str(Path(str(spec and spec.origin)).parent)


def find_exception(lines: list[str]) -> str:
    """Return the first exception that a program has printed, or an empty text."""
    matches = (_EXCEPTION.match(line) for line in lines)
    return next((match[1] for match in matches if match and match[1]), "")


def _has_file(jar: str, name: str) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return name in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
