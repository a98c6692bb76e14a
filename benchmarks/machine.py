"""The machine and the programs that the benchmarks run with."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "flask-lakeflow-jobs",
    "flask",
    "werkzeug",
    "flask-caching",
    "databricks-sdk",
    "gunicorn",
    "gevent",
    "redis",
    "schemathesis",
)
PEERS = ("@databricks/appkit", "@databricks/sdk-experimental", "express", "node22", "node26")


def describe(peers: Path | None) -> Mapping[str, str]:
    """Return the machine and all versions: name → value.

    :param peers: where the peers are installed, if they are.
    """
    described = {
        "date": date.today().isoformat(),
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            described[name] = version(name)
    for name in PEERS if peers else ():
        with contextlib.suppress(OSError):
            package = (peers or Path()) / "node_modules" / name / "package.json"
            described[name] = json.loads(package.read_text())["version"]
    described["redis-server"] = _read_version("redis-server", "--version")
    described["wrk"] = _read_version("wrk", "-v")
    return described


def busy(seconds: float = 1.0) -> float:
    """Return the share of the processors' time that other programs use.

    :param seconds: how long to measure.
    """
    total, idle = _spent()
    time.sleep(seconds)
    later, idle_later = _spent()
    return 1 - (idle_later - idle) / max(1, later - total)


def _spent() -> tuple[int, int]:
    """Return the ticks of all processors since they started, and how many were idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _read_version(program: str, option: str) -> str:
    path = shutil.which(program)
    if path is None:
        return "not installed"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    words = (done.stdout or done.stderr).split()
    return next((word.removeprefix("v=") for word in words if any(map(str.isdigit, word))), "?")
