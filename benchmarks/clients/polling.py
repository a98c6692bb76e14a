"""Pages that read a run again and again, as they do without a stream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Poller:
    """A page that polls a run. Times are in seconds.

    :param interval: between two reads.
    :param offset: before the first read.
    """

    port: int
    path: str
    interval: float
    offset: float
    knows_end_at: float | None = None

    async def poll(self) -> None:
        """Read until the run has ended."""
        await asyncio.sleep(self.offset)
        while True:
            if _has_ended(await read(self.port, self.path)):
                self.knows_end_at = time.time()
                return
            await asyncio.sleep(self.interval)


def _has_ended(answer: tuple[int, bytes]) -> bool:
    status, body = answer
    return status == 200 and json.loads(body)["state"]["life_cycle_state"] == "TERMINATED"


async def read(port: int, path: str, headers: str = "") -> tuple[int, bytes]:
    """Send a GET request over a connection of its own.

    :param path: with the query.
    :param headers: lines, each with its end.
    :return: status and body.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode()
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body
    finally:
        writer.close()


async def poll_all(pages: Sequence[Poller], timeout: float) -> None:
    """Let all pages read until each knows the end.

    :param timeout: seconds after which it stops waiting.
    """
    tasks = [asyncio.create_task(page.poll()) for page in pages]
    _, late = await asyncio.wait(tasks, timeout=max(0.0, timeout))
    for task in late:
        task.cancel()
