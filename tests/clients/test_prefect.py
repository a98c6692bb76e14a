"""Prefect's flow that starts a job and waits for its end; by token, and by client id and secret.

It speaks TLS only, so it gets a front that does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Install
from tests.clients.support import ServedWorkspace, seen_by
from tests.clients.tls import tls_in_front_of


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Today's Prefect needs Python 3.11.")
def test_a_job_is_run_and_waited_for(
    python_with: Install, workspace: ServedWorkspace, tmp_path: Path
) -> None:
    python = python_with("prefect", "prefect-databricks")
    with tls_in_front_of(workspace.address, tmp_path) as front:
        environ = {
            **workspace.job_ids,
            "INSTANCE": front.name,
            "SECRET": workspace.token,
            "SSL_CERT_FILE": str(front.authority),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        seen = seen_by("with_prefect.py", python, environ)
    assert seen["outputs"] == {
        "extract": {},
        "load": {"result": "loaded 2013-02-03", "truncated": False},
    }
    assert "Task load failed" in seen["failure"]
