"""Requests of the CLI about jobs, pipelines, files and permissions, as its own tests recorded them.

A recording names no ids: it has ``[NUMID]`` or another word in brackets for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.local.support import Client

#: Those that a deployment of jobs takes; others are about resources that are not here.
_SERVED = re.compile(
    r"/api/2\.\d/(jobs/|workspace/|workspace-files/|pipelines"
    r"|permissions/(directories|jobs|pipelines|sql/warehouses)/|preview/scim/v2/Me)"
    r"|/\.well-known/databricks-config|/oidc/\.well-known/|/telemetry-ext"
)
_ID = re.compile(r"(?<=/)(\[[A-Z0-9_]+\]|[0-9]{3,})$")
_PIPELINE = re.compile(r"(/2\.0/(?:permissions/)?pipelines/)[^/]+")
# They look for what may be missing.
_SEARCHES = ("workspace/get-status", "workspace/export", "workspace/delete", "workspace/list")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded request.

    :param source: the file of the recording.
    """

    source: str
    method: str
    path: str
    query: dict[str, str]
    body: Any


def find_requests(root: Path) -> Iterator[Recorded]:
    """Yield the requests in the recordings of a folder that a deployment of jobs takes."""
    for file in sorted(root.rglob("out*")):
        if file.is_file() and file.suffix in {".txt", ".json"}:
            source = file.relative_to(root).as_posix()
            for each in _find_objects(file.read_text(encoding="utf-8", errors="replace")):
                method, path = each.get("method"), each.get("path")
                if isinstance(method, str) and isinstance(path, str) and _SERVED.match(path):
                    body = each.get("body", each.get("raw_body"))
                    yield Recorded(source, method, path, each.get("q") or {}, body)


def _find_objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    position = 0
    while (start := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, start)
        except ValueError:
            position = start + 1
            continue
        if isinstance(value, dict):
            yield value


class Replay:
    """Sends recorded requests to a workspace; a word in brackets stands for the last resource."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._user = str(client.sdk.current_user.me().user_name)
        self._job_id = self._create_job({"name": "first"})
        self._pipeline_id = self._create_pipeline({"name": "first"})

    def send(self, request: Recorded) -> tuple[int, Any]:
        """Send a request; return the status and the answer."""
        body = self._fill(request.body)
        if request.path.endswith("/jobs/create"):
            self._job_id = self._create_job(body)
            return 200, {"job_id": self._job_id}
        if request.path.endswith("/pipelines"):
            # Each recording begins with none, and some have names in common.
            self._client.http("DELETE", f"/api/2.0/pipelines/{self._pipeline_id}")
            self._pipeline_id = self._create_pipeline(body)
            return 200, {"pipeline_id": self._pipeline_id}
        if isinstance(body, dict) and "job_id" in body:
            body["job_id"] = self._job_id
        query = {key: self._fill(value) for key, value in request.query.items()}
        if "job_id" in query:
            query["job_id"] = str(self._job_id)
        path = _PIPELINE.sub(rf"\g<1>{self._pipeline_id}", self._fill(request.path))
        if "/permissions/" in path:
            ids = {"sql/warehouses": "10ca10ca10ca10ca", "jobs": str(self._job_id)}
            path = _ID.sub(next((ids[key] for key in ids if f"/{key}/" in path), "42"), path)
        url = quote(path) + (f"?{urlencode(query)}" if query else "")
        if "/import-file/" in path:
            folder = "/" + path.partition("/import-file/")[2].rpartition("/")[0]
            self._client.http("POST", "/api/2.0/workspace/mkdirs", {"path": folder})
            body = json.dumps(body).encode()
        answer = self._client.http(request.method, url, body)
        if request.method == "DELETE" and "/pipelines/" in path:  # the next recording has one too
            self._pipeline_id = self._create_pipeline({"name": "next"})
        return answer

    def is_expected(self, request: Recorded, status: int, answer: Any) -> bool:
        """Return whether the CLI goes on after an answer."""
        if request.path.endswith(_SEARCHES) and status == 404:
            return bool(answer["error_code"] == "RESOURCE_DOES_NOT_EXIST")
        if request.query.get("overwrite") == "false" and status == 409:  # a lock that is there
            return bool(answer["error_code"] == "RESOURCE_ALREADY_EXISTS")
        if request.path.endswith("/updates"):
            return status == 400 and "Start a job with a pipeline_task" in answer["message"]
        return status == 200

    def _create_pipeline(self, settings: dict[str, Any]) -> str:
        status, answer = self._client.http("POST", "/api/2.0/pipelines", settings)
        assert status == 200, (settings, answer)
        return str(answer["pipeline_id"])

    def _create_job(self, settings: dict[str, Any]) -> int:
        status, answer = self._client.http("POST", "/api/2.2/jobs/create", settings)
        assert status == 200, (settings, answer)
        return int(answer["job_id"])

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("[USERNAME]", self._user)
        if isinstance(value, list):
            return [self._fill(each) for each in value]
        if isinstance(value, dict):
            return {key: self._fill(each) for key, each in value.items()}
        return value
