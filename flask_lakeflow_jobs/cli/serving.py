"""How an app is served, and whether that bears event streams. Pure, but for reading app.yaml."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..job_config import env_name
from ..keys import PUSH
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
class AppYaml:
    """What ``app.yaml`` says of how Databricks Apps starts the app.

    :param path: where it was found.
    :param command: the words of its command; none where it has none.
    :param env: the names of the variables that it sets.
    :param mistake: why it cannot be read; empty if it can.
    """

    path: Path
    command: tuple[str, ...] = ()
    env: frozenset[str] = frozenset()
    mistake: str = ""


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


def app_yaml_in(folders: Sequence[Path]) -> AppYaml | None:
    """The first ``app.yaml`` that there is, if PyYAML is there to read it.

    :param folders: where to look.
    """
    for path in (folder / name for folder in folders for name in ("app.yaml", "app.yml")):
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> AppYaml | None:
    try:
        import yaml
    except ModuleNotFoundError:
        return None
    try:
        return app_yaml_of(path, yaml.safe_load(path.read_text()))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return AppYaml(path, mistake=" ".join(str(error).split()))


def app_yaml_of(path: Path, document: Any) -> AppYaml:
    """What a document says.

    :param path: where it was found.
    :param document: as YAML has it.
    :raises ValueError: it is no ``app.yaml``, or its command is no command.
    """
    if not isinstance(document, dict):
        raise ValueError("It must hold a mapping, with 'command' and 'env'.")
    command, env = document.get("command"), document.get("env")
    words = shlex.split(command) if isinstance(command, str) else command or []
    entries = env or []
    if not isinstance(words, list) or not isinstance(entries, list):
        raise ValueError("Its 'command' and 'env' must be lists.")
    names = {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}
    return AppYaml(path, tuple(map(str, words)), frozenset(names))


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


def missing_variables(app_yaml: AppYaml, keys: Collection[str]) -> Iterator[Finding]:
    """The jobs whose ids the app will not know on Databricks Apps.

    :param app_yaml: what sets the variables there.
    :param keys: of the jobs that have their id from a variable here.
    """
    for key in keys:
        name = env_name(key)
        if name not in app_yaml.env:
            yield finding(
                f"job {key}",
                f"{app_yaml.path.name} does not hand over {name}, so the app on Databricks Apps"
                f" will not have the job {key!r}.",
                "Bind the job to the app as a resource, and hand its id over.",
                app_yaml=f"env:\n  - name: {name}\n    valueFrom: {key}",
                databricks_yml=binding(key),
            )


def binding(key: str) -> str:
    """The lines of a bundle that let its app run a job.

    :param key: the job's.
    """
    return "\n".join(
        [
            "resources:",
            "  apps:",
            "    <app>:",
            "      resources:",
            f"        - name: {key}",
            "          job:",
            f"            id: ${{resources.jobs.{key}.id}}",
            "            permission: CAN_MANAGE_RUN",
        ]
    )
