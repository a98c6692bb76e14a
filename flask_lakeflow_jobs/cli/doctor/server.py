"""The server of an app, and whether it can hold event streams. Pure."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...config.keys import MAX_STREAMS, PUSH
from .findings import Finding

ABOUT = "server"

ADVICE = "The page on servers in the docs says which to choose."

#: The file that gunicorn reads where it starts. Source: gunicorn documentation, "Settings".
GUNICORN_CONFIG = "gunicorn.conf.py"

#: With fewer threads in a gthread worker, streams leave too few for other requests.
MIN_THREADS = 8

#: Fewer files than a common limit of services are too few for streams.
MIN_DESCRIPTORS = 1024

#: Servers that run a Flask app through an adapter for ASGI.
ASGI_SERVERS = ("uvicorn", "hypercorn", "daphne")

#: The options for the number of threads, and their defaults; ``None``: one thread.
THREAD_OPTIONS: dict[str, tuple[str, int | None]] = {
    "waitress-serve": ("--threads", 4),
    "uwsgi": ("--threads", None),
    "granian": ("--blocking-threads", 512),
    "cheroot": ("--threads", 10),
    "mod_wsgi-express": ("--threads", 5),
}


@dataclass(frozen=True)
class Gunicorn:
    """The options of gunicorn that matter to streams.

    :param worker_class: the effective one: with several threads, a sync worker becomes gthread.
    :param threads: per worker.
    :param config: the file that may set the rest of its options; empty: there is none.
    """

    worker_class: str
    workers: int
    threads: int
    config: str = ""


def parse_gunicorn(
    command: Sequence[str], environ: Mapping[str, str], *, has_config: bool
) -> Gunicorn | None:
    """Parse a command line that starts gunicorn; ``None`` if it starts something else.

    :param environ: may set ``GUNICORN_CMD_ARGS`` and ``WEB_CONCURRENCY``.
    :param has_config: there is a :data:`GUNICORN_CONFIG` where it starts.
    """
    programs = [Path(word).name for word in command]
    if "gunicorn" not in programs:
        return None
    arguments = command[programs.index("gunicorn") + 1 :]
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("-k", "--worker-class", default="sync")
    # argparse converts a default that is text
    parser.add_argument("-w", "--workers", type=int, default=environ.get("WEB_CONCURRENCY") or "1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-c", "--config", default=GUNICORN_CONFIG if has_config else "")
    try:
        options, _ = parser.parse_known_args(
            [*shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), *arguments]
        )
    except (argparse.ArgumentError, ValueError):
        return None
    is_threaded = options.worker_class == "sync" and options.threads > 1
    worker_class = "gthread" if is_threaded else str(options.worker_class)
    workers, threads = max(1, options.workers), max(1, options.threads)
    return Gunicorn(worker_class, workers, threads, str(options.config))


def check_server(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    has_push: bool,
    shares_cache: bool,
    has_config: bool,
) -> Iterator[Finding]:
    """Check that a server can hold event streams.

    :param command: the command line that starts it; may be empty.
    :param has_push: streams need no thread each.
    :param shares_cache: the workers share a cache.
    :param has_config: as for :func:`parse_gunicorn`.
    """
    server = parse_gunicorn(command, environ, has_config=has_config)
    if server is None:
        yield _check_other_server(command)
        return
    yield _check_worker(server, has_push=has_push)
    if server.workers > 1 and not shares_cache:
        yield Finding.warning(
            ABOUT,
            f"{server.workers} workers do not share a cache, so each polls runs for itself and"
            " learns later what another one did.",
            "Set LAKEFLOW_JOBS_CACHE to a shared cache, or start one worker with more threads.",
        )


def _check_worker(server: Gunicorn, *, has_push: bool) -> Finding:
    name = f"gunicorn with {server.worker_class} workers"
    if server.worker_class == "sync" and server.config:
        return Finding.warning(
            ABOUT,
            f"{server.config} may set the worker class and the threads. It is not read here.",
            "Start the app, and check what it found with --url.",
        )
    if server.worker_class == "sync":
        return Finding.error(
            ABOUT,
            f"{name} holds no streams: viewers poll, and each poll occupies a worker.",
            f"Start it with --worker-class=gthread --threads=64. {ADVICE}",
        )
    if server.worker_class == "gthread":
        name = f"{name} and {server.threads} threads"
        if server.threads < MIN_THREADS and not has_push:
            return Finding.error(
                ABOUT,
                f"{name} holds few streams, because {PUSH.name} is off.",
                f"Start it with --threads=64, or turn {PUSH.name} on. {ADVICE}",
            )
        return Finding.ok(ABOUT, f"{name} holds streams.")
    if server.worker_class == "gevent":
        return Finding.ok(ABOUT, f"{name} holds streams.")
    return Finding.warning(ABOUT, f"{name} may not hold streams.", ADVICE)


def _check_other_server(command: Sequence[str]) -> Finding:
    programs = [Path(word).name for word in command]
    if not programs:
        return Finding.warning(
            ABOUT,
            "The server is unknown, because no app.yaml has a command.",
            "Check it with --server 'gunicorn …'.",
        )
    if "flask" in programs:
        return Finding.warning(ABOUT, "flask run is a server for development.", ADVICE)
    for program in set(ASGI_SERVERS) & set(programs):
        return Finding.warning(
            ABOUT,
            f"{program} holds no streams, because a Flask app on it does not notice when a viewer"
            " leaves: viewers poll.",
            f"Start the app with gunicorn. {ADVICE}",
        )
    for program, (option, default) in THREAD_OPTIONS.items():
        if program in programs:
            return _check_threads(program, option, default, command)
    return Finding.warning(
        ABOUT,
        f"{programs[0]} may not hold streams. If its number of threads is unknown, viewers poll.",
        f"Set {MAX_STREAMS.name} to three quarters of its threads. {ADVICE}",
    )


def _check_threads(
    program: str, option: str, default: int | None, command: Sequence[str]
) -> Finding:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument(option, type=int, default=default, dest="threads")
    try:
        threads = parser.parse_known_args(list(command))[0].threads
    except argparse.ArgumentError:
        threads = default
    if threads is None or threads < MIN_THREADS:
        known = f"its {threads} threads" if threads else "its threads"
        return Finding.warning(
            ABOUT,
            f"{program} holds streams in three quarters of {known}. Other viewers poll.",
            f"Start it with {option}=64. {ADVICE}",
        )
    return Finding.ok(ABOUT, f"{program} holds streams in three quarters of its {threads} threads.")


def check_descriptors(limit: int | None) -> Finding:
    """Check that a worker may open enough files: each stream needs a connection.

    :param limit: ``ulimit -n``; ``None``: there is none.
    """
    if limit is None or limit >= MIN_DESCRIPTORS:
        return Finding.ok("files", "A worker may open enough files for its streams.")
    return Finding.warning(
        "files",
        f"A process of this user may open {limit} files, and no more than three quarters of them"
        " are streams. Other viewers poll.",
        f"Raise the limit where the server starts: ulimit -n {MIN_DESCRIPTORS}, or LimitNOFILE.",
    )
