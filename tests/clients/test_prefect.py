"""Prefect's flow that starts a job and waits for it; by token, and by client id and secret.

It requires TLS.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Install
from tests.clients.support import WorkspaceProcess, run_driver
from tests.clients.tls import serve_tls


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Today's Prefect needs Python 3.11.")
def test_flow_starts_a_job_and_waits_for_it(
    install_from_pypi: Install, workspace: WorkspaceProcess, tmp_path: Path
) -> None:
    python = install_from_pypi("prefect", "prefect-databricks")
    with serve_tls(workspace.address, tmp_path) as proxy:
        environ = {
            **workspace.job_ids,
            "INSTANCE": proxy.name,
            "SECRET": workspace.token,
            "SSL_CERT_FILE": str(proxy.authority),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        results = run_driver("with_prefect.py", python, environ)
    assert results["outputs"] == {
        "extract": {},
        "load": {"result": "loaded 2013-02-03", "truncated": False},
    }
    assert "Task load failed" in results["failure"]
