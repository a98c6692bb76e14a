"""The OpenAPI document: the fixed routes from ``openapi.json``, completed with the jobs. Pure."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from ..config.jobs import Job

Json: TypeAlias = dict[str, Any]

#: ``/{key}/run`` in it is the template of one path per job, with the job's own parameters.
TEMPLATE = Path(__file__).with_name("openapi.json")


def build_document(
    jobs: Sequence[Job], *, url: str, version: str, accepts_notifications: bool
) -> Json:
    """Build the OpenAPI 3.1 document of an app.

    :param jobs: those that the reader may view.
    """
    document: Json = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    document["info"]["version"] = version
    document["servers"] = [{"url": url.rstrip("/") or "/"}]
    paths, components = document["paths"], document["components"]
    trigger = paths.pop("/{key}/run")["post"]
    if not accepts_notifications:
        del paths["/webhook"], components["securitySchemes"]
    if jobs:
        keys = [job.key for job in jobs]
        components["parameters"]["key"]["schema"]["enum"] = keys
        run = components["parameters"]["run"]["schema"]["items"]
        run["pattern"] = run["pattern"].replace("{keys}", "|".join(map(re.escape, keys)))
    else:
        del components["parameters"], paths["/stream"]
        document["paths"] = {path: item for path, item in paths.items() if "{key}" not in path}
    for job in jobs:
        paths[f"/{quote(job.key)}/run"] = {"post": _trigger_operation(trigger, job)}
    return document


def _trigger_operation(template: Json, job: Job) -> Json:
    operation = copy.deepcopy(template)
    for name in ("operationId", "summary"):
        operation[name] = operation[name].replace("{key}", job.key)
    if job.description:
        operation["description"] = job.description
    for link in operation["responses"]["200"]["links"].values():
        link["parameters"]["key"] = job.key
    body, params = operation["requestBody"], job.params_schema
    schema = body["content"]["application/json"]["schema"]
    if "required" in params:
        body["required"] = True
        schema |= {"properties": {"params": params}, "required": ["params"]}
    else:
        schema["properties"] = {"params": {"anyOf": [params, {"type": "null"}]}}
    return operation
