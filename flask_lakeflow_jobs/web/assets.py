"""Files for browsers, out of the package: scripts, styles, pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import NotFound

#: Said outright, as a machine's own table of types may say otherwise, and browsers refuse a module
#: that is not called JavaScript.
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

#: The browser module's file.
BROWSER_MODULE = "lakeflow.js"


class Assets:
    """The files of some folders, by their names.

    :param folders: where they are; of files with one name the first counts.
    """

    def __init__(self, *folders: Path) -> None:
        self._paths = {
            path.name: path
            for folder in reversed(folders)
            for path in folder.iterdir()
            if path.suffix in MEDIA_TYPES
        }

    def respond(self, name: str) -> Response:
        """Answer the current request with a file, or with nothing where the browser has it.

        The ETag is of the content: packages may carry the same time for all their files.

        :param name: the file's.
        :raises NotFound: there is none.
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


#: The folder of the browser module.
STATIC_FOLDER = Path(__file__).with_name("static")

_assets = Assets(STATIC_FOLDER)


def browser_module() -> Response:
    """The browser module."""
    return _assets.respond(BROWSER_MODULE)
