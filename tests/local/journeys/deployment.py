"""A client that deploys a bundle by the requests of ``databricks bundle deploy``, in its order.

Source: databricks/cli, acceptance/bundle/user_agent/simple and acceptance/bundle/resources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.local.support import Client


class Unexpected(AssertionError):
    """An answer that the Databricks CLI would report as an error."""


@dataclass
class Deployment:
    """A bundle as a client deploys it.

    :param files: the content of each file by its path in the bundle.
    :param jobs: the settings of each job by its key, with ``permissions`` as in a bundle.
    :param pipelines: the same of each pipeline. A job names one as in a bundle.
    """

    client: Client
    name: str
    files: Mapping[str, str]
    jobs: Mapping[str, Mapping[str, Any]]
    pipelines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    job_ids: dict[str, int] = field(default_factory=dict)
    pipeline_ids: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> str:
        return str(self._send("GET", "/api/2.0/preview/scim/v2/Me")["userName"])

    @property
    def root(self) -> str:
        return f"/Workspace/Users/{self.user}/.bundle/{self.name}/default"

    def deploy(self) -> None:
        """Lock the deployment, upload the files, create or change the resources, save the state."""
        for name in ("resources.json", "terraform.tfstate", "deployment.json"):
            self._find(f"state/{name}")
        self._lock()
        self._send_missing("POST", "workspace/delete", self._at("artifacts/.internal", True))
        self._send("POST", "/api/2.0/workspace/mkdirs", self._at("artifacts/.internal"))
        for name, content in self.files.items():
            self._upload(f"files/{name}", content)
        for key, pipeline in self.pipelines.items():
            self._save_pipeline(key, dict(pipeline))
        for key, job in self.jobs.items():
            self._save_job(key, self._fill(job))
        for name in ("resources.json", "deployment.json", "metadata.json"):
            ids = {"jobs": self.job_ids, "pipelines": self.pipeline_ids}
            self._upload(f"state/{name}", json.dumps(ids))
        self._send("POST", "/api/2.0/workspace/delete", self._at("state/deploy.lock"))

    def load_state(self) -> None:
        """Read the ids of the resources, as each command after a deployment does."""
        assert self._find("state/resources.json")
        ids = self._download("state/resources.json")
        self.job_ids, self.pipeline_ids = ids["jobs"], ids["pipelines"]

    def run(self, key: str) -> dict[str, str]:
        """Run a job as ``databricks bundle run``; return the output of each task."""
        run = self.client.finish(self.client.jobs.run_now(self.job_ids[key]).bind()["run_id"])
        outputs = self.client.outputs(run)
        return {
            name: (output.notebook_output and output.notebook_output.result)
            or output.logs
            or str(output.error)
            for name, output in outputs.items()
        }

    def destroy(self) -> None:
        """Delete the jobs, the pipelines and all files."""
        self._lock()
        for job_id in self.job_ids.values():
            self._send("GET", f"/api/2.2/jobs/get?job_id={job_id}")
            self._send("POST", "/api/2.2/jobs/delete", {"job_id": job_id})
        for pipeline_id in self.pipeline_ids.values():
            self._send("GET", f"/api/2.0/pipelines/{pipeline_id}")
            self._send("DELETE", f"/api/2.0/pipelines/{pipeline_id}")
        self._send("POST", "/api/2.0/workspace/delete", self._at("", True))

    def _lock(self) -> None:
        content = {"ID": "1", "AcquisitionTime": "now", "IsForced": False, "User": self.user}
        self._upload("state/deploy.lock", json.dumps(content), overwrite=False)
        assert self._download("state/deploy.lock") == content

    def _upload(self, path: str, content: str, *, overwrite: bool = True) -> None:
        status, error = self._import(path, content, overwrite=overwrite)
        if status == 404:
            folder = path.rpartition("/")[0]
            self._send("POST", "/api/2.0/workspace/mkdirs", self._at(folder))
            status, error = self._import(path, content, overwrite=overwrite)
        if status != 200:
            raise Unexpected(f"{path}: {status} {error}")

    def _import(self, path: str, content: str, *, overwrite: bool) -> tuple[int, Any]:
        target = quote(f"{self.root}/{path}".removeprefix("/"))
        flag = str(overwrite).lower()
        url = f"/api/2.0/workspace-files/import-file/{target}?overwrite={flag}"
        return self.client.http("POST", url, content.encode())

    def _save_job(self, key: str, job: dict[str, Any]) -> None:
        granted = job.pop("permissions", [])
        settings = {
            **job,
            "deployment": self._deployment(),
            "edit_mode": "UI_LOCKED",
            "format": "MULTI_TASK",
            "max_concurrent_runs": 1,
            "queue": {"enabled": True},
        }
        if (job_id := self.job_ids.get(key)) is None:
            answer = self._send("POST", "/api/2.2/jobs/create", settings)
            self.job_ids[key] = answer["job_id"]
        else:
            self._send("GET", f"/api/2.2/jobs/get?job_id={job_id}")
            body = {"job_id": job_id, "new_settings": settings}
            self._send("POST", "/api/2.2/jobs/reset", body)
        self._grant(f"jobs/{self.job_ids[key]}", granted)

    def _save_pipeline(self, key: str, pipeline: dict[str, Any]) -> None:
        granted = pipeline.pop("permissions", [])
        settings = {
            **pipeline,
            "channel": "CURRENT",
            "deployment": self._deployment(),
            "edition": "ADVANCED",
        }
        if (pipeline_id := self.pipeline_ids.get(key)) is None:
            answer = self._send("POST", "/api/2.0/pipelines", settings)
            self.pipeline_ids[key] = answer["pipeline_id"]
        else:
            self._send("GET", f"/api/2.0/pipelines/{pipeline_id}")
            self._send("PUT", f"/api/2.0/pipelines/{pipeline_id}", settings)
        self._grant(f"pipelines/{self.pipeline_ids[key]}", granted)

    def _deployment(self) -> dict[str, str]:
        return {"kind": "BUNDLE", "metadata_file_path": f"{self.root}/state/metadata.json"}

    def _grant(self, target: str, granted: list[dict[str, str]]) -> None:
        entries = [
            *({**each, "permission_level": each["level"]} for each in granted),
            {"user_name": self.user, "permission_level": "IS_OWNER"},
        ]
        path = f"/api/2.0/permissions/{target}"
        self._send("PUT", path, {"access_control_list": entries})
        assert self._send("GET", path)["object_id"] == f"/{target}"

    def _fill(self, job: Mapping[str, Any]) -> Any:
        """Return the settings of a job with the ids of the pipelines that it names."""
        text = json.dumps(job)
        for key, pipeline_id in self.pipeline_ids.items():
            text = text.replace(f"${{resources.pipelines.{key}.id}}", pipeline_id)
        return json.loads(text)

    def _at(self, path: str, recursive: bool = False) -> dict[str, Any]:
        body: dict[str, Any] = {"path": f"{self.root}/{path}".rstrip("/")}
        return {**body, "recursive": True} if recursive else body

    def _find(self, path: str) -> Any:
        query = urlencode({"path": f"{self.root}/{path}", "return_export_info": "true"})
        status, node = self.client.http("GET", f"/api/2.0/workspace/get-status?{query}")
        if (status, node.get("error_code")) == (404, "RESOURCE_DOES_NOT_EXIST"):
            return None
        assert status == 200, node
        return node

    def _download(self, path: str) -> Any:
        query = urlencode({"path": f"{self.root}/{path}", "direct_download": "true"})
        return self._send("GET", f"/api/2.0/workspace/export?{query}")

    def _send_missing(self, method: str, path: str, body: Any) -> None:
        """Send a request whose object may be missing."""
        status, answer = self.client.http(method, f"/api/2.0/{path}", body)
        if (status, answer.get("error_code")) != (404, "RESOURCE_DOES_NOT_EXIST"):
            assert status == 200, answer

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.client.http(method, path, body)
        if status != 200:
            raise Unexpected(f"{method} {path}: {status} {answer}")
        return answer
