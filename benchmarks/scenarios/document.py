"""Generated requests against the OpenAPI document."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from ..bench import Bench, ours
from ..report import Row
from ..servers import NotInstalled, ask, gunicorn, needed
from ..workspace import Workspace

#: Requests in one round for each operation at most, and the most rounds.
EXAMPLES, MOST_ROUNDS = 250, 20

WHAT = "generated requests against the document"

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


def document(bench: Bench) -> list[Row]:
    """Measure whether the app responds as its document describes."""
    program = needed("schemathesis")
    wanted = bench.choose(10_000, 500)
    with Workspace() as workspace:
        workspace.add_job(1, 0.0, 0.3, past=40)
        # what is longer than gunicorn's own limit would be refused before the app sees it
        options = ("-k", "gthread", "--threads", "8", "--limit-request-line", "0")
        environ = ours(workspace, "ours", {"etl": 1})
        with gunicorn("ours", *options, environ=environ) as server:
            status, _, _ = ask(server.port, "/api/jobs/openapi.json")
            if status != 200:
                raise NotInstalled("the app has no /openapi.json")
            generated, failures = 0, Counter[str]()
            for seed in range(1, MOST_ROUNDS + 1):
                output = _generate(program, f"{server.url}/api/jobs/openapi.json", seed)
                cases = re.search(r"([\d,]+) generated", output)
                if cases is None:
                    raise RuntimeError(f"schemathesis printed {output[-300:]!r}")
                generated += int(cases[1].replace(",", ""))
                failures.update(
                    {
                        name: int(n)
                        for name, n in re.findall(r"❌ (\w.+?): (\d+)$", output, re.MULTILINE)
                    }
                )
                if generated >= wanted:
                    break
    summary = "; ".join(f"{name}: {count}" for name, count in failures.items())
    return [
        Row(
            f"{generated:,} {WHAT}",
            "schemathesis, valid and invalid requests, all operations but streams, which its client"
            f" would wait for; checks: {', '.join(CHECKS)}.",
            summary or "no failure",
            "10,000 requests: no 500, no undocumented answer",
            not failures and generated >= wanted,
        )
    ]


def _generate(program: str, location: str, seed: int) -> str:
    """Return the output of schemathesis for one round."""
    command = [
        *(program, "run", location, "--checks", ",".join(CHECKS), "--mode", "all"),
        *("--phases", "fuzzing", "--max-examples", str(EXAMPLES), "--continue-on-failure"),
        *("--seed", str(seed), "--generation-database", "none", "--no-color", "--no-shrink"),
        *("--suppress-health-check", "all", "--exclude-path-regex", "stream"),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
