"""How an app is served, and whether that bears event streams. Pure."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...config.keys import PUSH
from .findings import Finding, finding, fine, note

ABOUT = "server"

#: Where the page on servers of the book is.
SEE = "The book's page on servers says which to choose."

#: Threads of gunicorn's gthread worker below which streams crowd out other requests.
FEW_THREADS = 8

COMMAND = """\
command:
  - gunicorn
  - app:app
  - --worker-class=gthread
  - --threads=64
  - --bind=0.0.0.0:$DATABRICKS_APP_PORT"""

STREAMING_WORKERS = ("gevent", "eventlet")


@dataclass(frozen=True)
class Gunicorn:
    """What matters of a gunicorn command line.

    :param worker_class: as gunicorn will have it: several threads make a sync worker a gthread one.
    :param workers: how many processes.
    :param threads: of each of them.
    """

    worker_class: str
    workers: int
    threads: int


def gunicorn_of(words: Sequence[str], environ: Mapping[str, str]) -> Gunicorn | None:
    """What a command line starts, if it starts gunicorn.

    :param words: of the command line.
    :param environ: ``GUNICORN_CMD_ARGS`` and ``WEB_CONCURRENCY`` count too.
    """
    programs = [Path(word).name for word in words]
    if "gunicorn" not in programs:
        return None
    arguments = words[programs.index("gunicorn") + 1 :]
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("-k", "--worker-class", default="sync")
    parser.add_argument("-w", "--workers", type=int, default=_whole(environ, "WEB_CONCURRENCY"))
    parser.add_argument("--threads", type=int, default=1)
    try:
        given, _ = parser.parse_known_args(
            [*shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), *arguments]
        )
    except (argparse.ArgumentError, ValueError):
        return None
    is_threaded = given.worker_class == "sync" and given.threads > 1
    worker_class = "gthread" if is_threaded else str(given.worker_class)
    return Gunicorn(worker_class, max(1, given.workers), max(1, given.threads))


def _whole(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 1


def judged(
    words: Sequence[str], environ: Mapping[str, str], *, has_push: bool, shares_cache: bool
) -> Iterator[Finding]:
    """What there is to say of a server.

    :param words: of the command line that starts it.
    :param environ: of the process.
    :param has_push: whether streams may do without threads.
    :param shares_cache: whether all processes see one cache.
    """
    server = gunicorn_of(words, environ)
    if server is None:
        yield _other_server(words)
        return
    yield _judged_worker(server, has_push=has_push)
    if server.workers > 1 and not shares_cache:
        yield note(
            ABOUT,
            f"{server.workers} workers without a cache to share: each looks at runs for itself, and"
            " learns of what others did a little later.",
            "Set LAKEFLOW_JOBS_CACHE to one that they share, or start one worker with more"
            " threads.",
        )


def _judged_worker(server: Gunicorn, *, has_push: bool) -> Finding:
    name = f"gunicorn with {server.worker_class} workers"
    if server.worker_class == "sync":
        return finding(
            ABOUT,
            f"{name} holds no streams: every viewer polls, and each look takes a whole worker.",
            f"Start it with --worker-class=gthread --threads=64. {SEE}",
            app_yaml=COMMAND,
        )
    if server.worker_class == "gthread":
        threads = f"{name} and {server.threads} threads"
        if server.threads < FEW_THREADS and not has_push:
            return finding(
                ABOUT,
                f"{threads} holds few streams, since {PUSH.name} is off.",
                f"Start it with --threads=64, or leave {PUSH.name} on. {SEE}",
                app_yaml=COMMAND,
            )
        return fine(ABOUT, f"{threads} holds streams.")
    if server.worker_class in STREAMING_WORKERS:
        return fine(ABOUT, f"{name} holds streams.")
    return note(ABOUT, f"{name}: it is not known how that bears streams.", SEE)


def _other_server(words: Sequence[str]) -> Finding:
    programs = [Path(word).name for word in words]
    if not words:
        return note(
            ABOUT,
            "How the app will be served is not known: there is no app.yaml with a command.",
            "Tell it by --server 'gunicorn …' to have it looked at.",
        )
    if "flask" in programs:
        return note(ABOUT, "flask run is a server for development.", SEE)
    if "waitress-serve" in programs:
        return note(
            ABOUT, "waitress holds streams in three of its four threads.", f"Give --threads. {SEE}"
        )
    return note(ABOUT, f"{programs[0]}: it is not known how that bears streams.", SEE)
