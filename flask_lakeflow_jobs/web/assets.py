"""Static files for browsers: scripts, styles and images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import NotFound

#: Explicit, because the system's own table of types may differ, and browsers accept a module only
#: as JavaScript.
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".py": "text/plain",
    ".svg": "image/svg+xml",
}

#: The files that pages and tasks of users load, by the names of their endpoints.
FILES = {
    "browser_module": "lakeflow.js",  # it imports the next two
    "browser_requests": "lakeflow-requests.js",
    "browser_streams": "lakeflow-streams.js",
    "progress_helper": "progress.py",
}

STATIC_FOLDER = Path(__file__).with_name("static")


class Assets:
    """The files of some folders by name.

    :param folders: if several contain a file of one name, the first one is served.
    """

    def __init__(self, *folders: Path) -> None:
        self._paths = {
            path.name: path
            for folder in reversed(folders)
            for path in folder.iterdir()
            if path.suffix in MEDIA_TYPES
        }

    def respond(self, name: str) -> Response:
        """Respond to the current request with a file, or with 304 if the browser has it.

        The ETag depends on the content: installed files may all have the same modification time.

        :raises NotFound: there is no such file.
        """
        path = self._paths.get(name)
        if path is None:
            raise NotFound()
        content = path.read_bytes()
        response = Response(content, mimetype=MEDIA_TYPES[path.suffix])
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.set_etag(hashlib.sha256(content).hexdigest()[:16])
        response.make_conditional(request)
        return response


_assets = Assets(STATIC_FOLDER)


def build_view(endpoint: str, name: str) -> Callable[[], Response]:
    """Return a view that responds with a file; its name is that of the endpoint."""

    def view() -> Response:
        return _assets.respond(name)

    view.__name__ = endpoint
    return view
