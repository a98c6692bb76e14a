"""The texts of answers, made once for all who get the same one from the cache."""
# MERGED """The routes: each translates a request into calls on handles, and what they give into JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..upstream.read_cache import CachedResponse, ETag

#: How many texts are kept, and the longest, in characters. They are made again with every change,
#: so that what is no longer asked for is soon crowded out.
MOST = 128

LONGEST = 64 * 1024


class ResponseTexts:
    """What the reads of one app were answered with."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, ETag], str] = {}

    def text(self, of: str, job: Job, seen: CachedResponse, describe: Callable[[], Any]) -> str:
        """An answer as JSON.

        :param of: which view asks: of one reading each makes an answer of its own.
        :param job: the job; another one may hide other values.
        :param seen: what was read.
        :param describe: makes the answer of it.
        """
        if seen.etag is None:
            return encoded(describe())
        name = (of, job.key, seen.etag)
        text = self._texts.get(name)
        if text is None:
            text = encoded(describe())
            if len(text) <= LONGEST:
                if len(self._texts) >= MOST:
                    self._texts.clear()
                self._texts[name] = text
        return text


def encoded(answer: Any) -> str:
    """An answer as JSON.

    :param answer: it.
    """
    return json.dumps(answer, separators=(",", ":"))


def with_age(response: Response, seen: CachedResponse) -> Response:
    """Mark a response with its age where it is old, and as stale (RFC 9211) where it is only
    given because the workspace cannot be reached."""
    if seen.age >= 1:
        response.headers["Age"] = str(int(seen.age))
    if seen.is_stale:
        response.headers["Cache-Status"] = f"lakeflow-jobs; hit; ttl=-{int(seen.age)}"
    return response


def json_response(answer: Any) -> Response:
    return text_response(encoded(answer))


def text_response(text: str) -> Response:
    return Response(text, mimetype="application/json", headers={"Cache-Control": "no-store"})
