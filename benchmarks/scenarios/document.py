"""Generated requests against the OpenAPI document."""

from __future__ import annotations

import json
import re
import subprocess

from ..bench import Bench, ours
from ..report import Row
from ..servers import NotInstalled, ask, gunicorn, needed
from ..workspace import Workspace

WHAT = "generated requests against the document"

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


def document(bench: Bench) -> list[Row]:
    """Whether the app answers as its document says.

    :param bench: the run.
    """
    program = needed("schemathesis")
    wanted = bench.choose(10_000, 300)
    with Workspace() as workspace:
        workspace.add_job(1, 0.0, 0.3, past=40)
        options = ("-k", "gthread", "--threads", "8")
        environ = ours(workspace, "ours", {"etl": 1})
        with gunicorn("ours", *options, environ=environ) as server:
            status, _, body = ask(server.port, "/api/jobs/openapi.json")
            if status != 200:
                raise NotInstalled("the app has no /openapi.json")
            methods = {"get", "post", "put", "delete", "patch"}
            paths = json.loads(body)["paths"].values()
            operations = sum(len(methods & path.keys()) for path in paths)
            command = [
                *(program, "run"),
                f"{server.url}/api/jobs/openapi.json",
                *("--checks", ",".join(CHECKS), "--mode", "all", "--phases", "fuzzing"),
                *("--max-examples", str(-(-wanted // operations)), "--continue-on-failure"),
                *("--generation-deterministic", "--no-color"),
                *("--suppress-health-check", "all", "--exclude-path-regex", "stream"),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout
    cases = re.search(r"([\d,]+) generated", said)
    failures = re.findall(r"^\s*(?:❌|-|\*) *(.+?): *(\d+)$", said, re.MULTILINE)
    generated = int(cases[1].replace(",", "")) if cases else 0
    told = "; ".join(f"{name}: {count}" for name, count in failures) or "no failure"
    return [
        Row(
            f"{generated:,} {WHAT}",
            "schemathesis, valid and invalid requests, all operations but streams, which its client"
            f" would wait for; checks: {', '.join(CHECKS)}.",
            told if cases else f"schemathesis said: {' '.join(said[-200:].split())}",
            "no 500, no undocumented answer",
            done.returncode == 0 and generated >= wanted * 0.9 if cases else None,
        )
    ]
