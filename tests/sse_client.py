"""A strict parser of event streams (WHATWG HTML, section 9.2), and a client that uses it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.support import DEADLINE


@dataclass(frozen=True)
class Event:
    """An event as a browser dispatches it.

    :param name: ``message`` by default.
    :param last_id: the id that a client would send in ``Last-Event-ID`` now.
    :param own_id: the id of this event itself, if it has one.
    """

    name: str
    data: str
    last_id: str
    own_id: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class SseParser:
    """Parses bytes incrementally into events."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._line = ""
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._own_id: str | None = None
        self.last_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        events = []
        for character in self._decoder.decode(chunk):
            if character == "\n" and self._after_cr:
                self._after_cr = False
                continue
            self._after_cr = character == "\r"
            if character in "\r\n":
                event = self._read_line(self._line)
                self._line = ""
                if event is not None:
                    events.append(event)
            else:
                self._line += character
        return events

    @property
    def is_incomplete(self) -> bool:
        """Return whether the stream stopped within a block."""
        return bool(self._line or self._data or self._name or self._own_id is not None)

    def _read_line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            self.comments.append(line[1:].removeprefix(" "))
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._own_id = self.last_id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        name, data, own_id = self._name, self._data, self._own_id
        self._name, self._data, self._own_id = "", [], None
        if not data:
            return None
        return Event(name or "message", "\n".join(data), self.last_id, own_id)


class Stream(Iterator[Event]):
    """An open response that is read as an event stream."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self._events: list[Event] = []
        self._ended = False
        self.parser = SseParser()
        self.status = response.status
        self.headers = response.headers

    @classmethod
    def open(
        cls,
        url: str,
        *,
        method: str = "GET",
        last_event_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Stream:
        """Request a stream.

        :param last_event_id: the id that a reconnecting ``EventSource`` sends.
        :param body: sent as JSON.
        """
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=DEADLINE)
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if last_event_id is not None:
            sent["Last-Event-ID"] = last_event_id
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, parts.path + "?" + parts.query, content, sent)
        return cls(connection, connection.getresponse())

    def __next__(self) -> Event:
        """Return the next event.

        :raises TimeoutError: no bytes arrive in time.
        """
        while not self._events:
            if not self._read():
                raise StopIteration
        return self._events.pop(0)

    def wait_for_comment(self) -> str:
        """Read until the next comment."""
        count = len(self.parser.comments)
        while len(self.parser.comments) == count:
            assert self._read(), "The stream ended without another comment."
        return self.parser.comments[-1]

    def _read(self) -> bool:
        if self._ended:
            return False
        chunk = self._response.read1(65536)
        if chunk:
            self._events += self.parser.feed(chunk)
        else:
            self._ended = True
            self.close()
        return bool(chunk)

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
