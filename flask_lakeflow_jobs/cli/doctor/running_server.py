"""Checks whether the server that runs an app holds streams, by the health of the app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from flask import current_app
from werkzeug.routing import BuildError

from ...text import is_loopback
from .findings import Finding
from .server import ADVICE

ABOUT = "running server"

#: Seconds within which a running app responds with its health.
HEALTH_TIMEOUT = 5.0


def check_running_server(url: str) -> Finding:
    """Ask an app at a URL whether the server that runs it holds streams."""
    try:
        # url_for would call the app's url_defaults, which may need the values of a real request
        adapter = current_app.url_map.bind("", current_app.config["APPLICATION_ROOT"])
        path = adapter.build("lakeflow_jobs.show_health")
        opener = build_opener(*([ProxyHandler({})] if is_loopback(url) else []))
        with opener.open(url + path, timeout=HEALTH_TIMEOUT) as response:
            return check_health(json.load(response))
    except BuildError:
        return Finding.warning(ABOUT, "The app does not serve the HTTP routes.")
    except (HTTPError, ValueError, AttributeError, LookupError, TypeError) as error:
        status = ""  # a page or JSON
        if isinstance(error, HTTPError):
            error.close()
            status = f": {error}"
        return Finding.error(
            ABOUT,
            f"The response at {url}{path} is not the health of this app{status}.",
            "Pass the address at which the app listens, and start it with this version. If the app"
            " asks for a login, read this address as a user who may view a job.",
        )
    except (OSError, HTTPException) as error:
        return Finding.error(
            ABOUT,
            f"The app does not respond at {url}: {error}.",
            "Start it, and pass the address at which it listens.",
        )


def check_health(health: Mapping[str, Any]) -> Finding:
    """Check that the server that runs the app holds streams.

    :param health: the document of ``GET /api/jobs/health``.
    """
    server = health.get("server")
    if not isinstance(server, Mapping):
        return Finding.warning(
            ABOUT,
            "The app hides its server from clients who may view no job.",
            "Read it from GET /api/jobs/health as a user who may view one.",
        )
    name, threads = server["name"], server["threads"]
    known = f"{name} with {threads} thread{'s' if threads > 1 else ''}" if threads else name
    if not server["streamCapacity"]:
        return Finding.warning(ABOUT, f"{known} holds no streams: viewers poll.", ADVICE)
    return Finding.ok(ABOUT, f"{known} holds up to {server['streamCapacity']} streams.")
