"""Viewers as browsers are: each follows a stream, and comes back when it breaks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

#: Milliseconds until a viewer comes back, unless the server sets another time. Chromium's default.
RETRY = 3000


@dataclass
class Event:
    """An event of a stream. ``at`` is in seconds since the epoch."""

    at: float
    name: str
    id: str
    data: str


@dataclass
class Viewer:
    """A client that follows a run.

    :param comes_back: whether it connects again when the stream ends.
    """

    port: int
    path: str
    method: str = "GET"
    comes_back: bool = True
    events: list[Event] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    retry: int = RETRY
    last_id: str = ""

    @property
    def ends(self) -> list[Event]:
        """The events with the last state of the run."""
        return [event for event in self.events if _is_last(event)]

    @property
    def knows_end_at(self) -> float | None:
        """When it knew that the run had ended, in seconds since the epoch."""
        return self.ends[0].at if self.ends else None

    async def follow(self) -> None:
        """Follow the stream until the server ends it with a 204."""
        while True:
            try:
                await self._follow_once()
            except (OSError, asyncio.IncompleteReadError, ValueError):
                self.statuses.append(0)
            if self.statuses[-1] not in (0, 200) or not self.comes_back:
                return
            await asyncio.sleep(self.retry / 1000)

    async def _follow_once(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            last = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            writer.write(
                f"{self.method} {self.path} HTTP/1.1\r\nHost: localhost\r\n{last}"
                "Content-Length: 0\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            self.statuses.append(int(head.split(" ", 2)[1]))
            if self.statuses[-1] != 200:
                return
            body = _chunks(reader) if "transfer-encoding: chunked" in head else _rest(reader)
            await self._read(body)
        finally:
            writer.close()

    async def _read(self, body: AsyncIterator[bytes]) -> None:
        received = b""
        async for part in body:
            received += part
            *blocks, received = received.split(b"\n\n")
            for block in blocks:
                self._take(block.decode())

    def _take(self, block: str) -> None:
        fields = {"event": "message", "data": "", "id": self.last_id}
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            if name == "retry":
                self.retry = int(value)
            elif name:
                fields[name] = value
        self.last_id = fields["id"]
        if fields["data"]:
            self.events.append(Event(time.time(), fields["event"], fields["id"], fields["data"]))


def _is_last(event: Event) -> bool:
    return event.name == "message" and json.loads(event.data).get("status") == "TERMINATED"


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]


async def _rest(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(65536):
        yield data


async def follow_all(viewers: Sequence[Viewer], timeout: float) -> None:
    """Let all viewers follow until each has received the end.

    :param timeout: seconds after which it stops waiting.
    """
    tasks = [asyncio.create_task(viewer.follow()) for viewer in viewers]
    _, late = await asyncio.wait(tasks, timeout=timeout)
    for task in late:
        task.cancel()
