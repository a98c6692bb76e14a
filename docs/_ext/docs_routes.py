"""Tables of routes: those of the extension, and those of the Jobs API that the workspace has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs_console import api_endpoint, make_app
from docs_markdown import Table, code

#: The endpoints that the SDK's JobsAPI calls, and whether the local workspace serves them.
JOBS_API: Mapping[str, bool] = {
    "POST jobs/create": True,
    "GET jobs/get": True,
    "GET jobs/list": True,
    "POST jobs/update": True,
    "POST jobs/reset": True,
    "POST jobs/delete": True,
    "POST jobs/run-now": True,
    "POST jobs/runs/submit": True,
    "GET jobs/runs/get": True,
    "GET jobs/runs/list": True,
    "GET jobs/runs/get-output": True,
    "GET jobs/runs/export": True,
    "POST jobs/runs/cancel": True,
    "POST jobs/runs/cancel-all": True,
    "POST jobs/runs/repair": True,
    "POST jobs/runs/delete": True,
    "GET permissions/jobs/{id}": True,
    "GET permissions/jobs/{id}/permissionLevels": True,
    "PUT permissions/jobs/{id}": True,
    "PATCH permissions/jobs/{id}": True,
}

#: The job of the app whose OpenAPI document provides the routes.
JOB = "etl"


def routes() -> Table:
    """Build the table of HTTP routes from the OpenAPI document."""
    app = make_app()
    return Table(
        ("Method", "Path", "What it does", "Endpoint", "Statuses"),
        tuple(
            (
                code(method.upper()),
                code(path),
                operation["summary"].removesuffix(f" of {JOB}"),
                code(api_endpoint(app, method, path.replace("<key>", JOB).replace("<id>", "1"))),
                " ".join(map(code, sorted(operation["responses"]))),
            )
            for method, path, operation in _operations()
        ),
    )


def http_parameters() -> Table:
    """Build the table of query parameters and headers."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for method, path, operation in _operations():
        for parameter in operation.get("parameters", []):
            key = (parameter["name"], parameter["in"], parameter["description"])
            rows.setdefault(key, []).append(f"`{method.upper()} {path}`")
    return Table(
        ("Name", "Where", "Meaning", "Routes"),
        tuple(
            (code(name), where, meaning, ", ".join(paths))
            for (name, where, meaning), paths in rows.items()
        ),
    )


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and operation of the OpenAPI document of an app with all routes."""
    document = make_app().test_client().get("/api/jobs/openapi.json").get_json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                for index, parameter in enumerate(operation.get("parameters", [])):
                    if "$ref" in parameter:
                        name = parameter["$ref"].rpartition("/")[2]
                        operation["parameters"][index] = document["components"]["parameters"][name]
                yield method, document["servers"][0]["url"] + format_path(path), operation


def format_path(path: str) -> str:
    """Convert a path of the OpenAPI document to the notation of the docs."""
    return (
        path.replace(f"/{JOB}/", "/{key}/")
        .replace("{run_id}", "{id}")
        .replace("{", "<")
        .replace("}", ">")
    )


def local_api() -> Table:
    """Build the table of Jobs API endpoints in the local workspace."""
    return Table(
        ("Endpoint", "Local workspace"),
        tuple(
            (code(endpoint), "served" if is_served else "not served: 404")
            for endpoint, is_served in JOBS_API.items()
        ),
    )
