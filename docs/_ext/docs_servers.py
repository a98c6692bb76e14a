"""The servers and proxies of the test matrix, and what users should expect of each.

``tests/servers/test_matrix.py`` starts each of them and checks these expectations; a table of
``docs/reference/servers.md`` is generated from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

#: Threads of each server of the matrix that has a fixed number of them.
THREADS = 8


class Streams(Enum):
    """The resource that a stream holds on a server, and how many fit."""

    SOCKET = "a socket each; 10,000 a worker"
    GREENLET = "a greenlet each; three quarters of them"
    THREAD = "a thread each; three quarters of the threads"
    GROWING = "a thread each, started as needed"
    NOTHING = "none: viewers poll"

    def held(self, viewers: int) -> int:
        """Return how many streams the server holds for so many viewers of the matrix."""
        if self is Streams.NOTHING:
            return 0
        return min(viewers, THREADS * 3 // 4) if self is Streams.THREAD else viewers


class Leave(Enum):
    """The moment at which a server frees the stream of a viewer who leaves."""

    AT_ONCE = "at once"
    HEARTBEAT = "after one to three heartbeats"
    NOTHING = ""


class Stop(Enum):
    """The way in which a server that stops treats its streams."""

    ENDS = "ends them in order"
    CUTS = "cuts them; viewers reconnect"
    WAITS = "waits for them: each lasts 15 s at most"
    NOTHING = ""


@dataclass(frozen=True)
class ServerRow:
    """A server with its expected behaviour.

    :param name: unique, and the id of the row's tests.
    :param packages: distributions that the row needs.
    :param command: what users type, with ``app:app`` as their app; or Python code with ``app``.
    :param extra: what the tests add, with ``{port}``: options to a command, imports to code.
    :param advice: what users should set.
    :param keeps_alive: it serves several requests on a connection.
    :param adapter: the module whose class wraps the app.
    :param sends_empty: it can send responses without a body.
    """

    name: str
    packages: tuple[str, ...]
    command: str
    extra: str
    streams: Streams
    leave: Leave
    stop: Stop
    advice: str = ""
    keeps_alive: bool = True
    adapter: str = ""
    sends_empty: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)


GUNICORN = ("gunicorn",)
GUNICORN_BIND = "--bind=127.0.0.1:{port}"
UWSGI_OPTIONS = "--master --enable-threads --die-on-term --buffer-size=32768 --module=app:app"
UWSGI_BIND = "--http=127.0.0.1:{port} --virtualenv={prefix} --pythonpath={root} --need-app"

SERVERS = (
    ServerRow(
        "gunicorn-gthread",
        GUNICORN,
        f"gunicorn --worker-class=gthread --threads={THREADS} app:app",
        GUNICORN_BIND,
        Streams.SOCKET,
        Leave.AT_ONCE,
        Stop.ENDS,
        "64 threads: this is the recommended server",
    ),
    ServerRow(
        "gunicorn-gthread-blocking",
        GUNICORN,
        f"gunicorn --worker-class=gthread --threads={THREADS} app:app",
        GUNICORN_BIND,
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.ENDS,
        "64 threads. A connection that cannot be handed off behaves the same",
        settings={"LAKEFLOW_JOBS_PUSH": "False"},
    ),
    ServerRow(
        "gunicorn-gevent",
        (*GUNICORN, "gevent"),
        "gunicorn --worker-class=gevent app:app",
        GUNICORN_BIND,
        Streams.GREENLET,
        Leave.HEARTBEAT,
        Stop.ENDS,
        "`--worker-connections` a third above the number of viewers; the default is 1,000",
    ),
    ServerRow(
        "gunicorn-gevent-preload",
        (*GUNICORN, "gevent"),
        "gunicorn --worker-class=gevent --preload app:app",
        GUNICORN_BIND,
        Streams.GREENLET,
        Leave.HEARTBEAT,
        Stop.ENDS,
        "the same",
    ),
    ServerRow(
        "gunicorn-sync",
        GUNICORN,
        "gunicorn app:app",
        GUNICORN_BIND,
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "`--worker-class=gthread --threads=64` for updates without delay",
        keeps_alive=False,
    ),
    ServerRow(
        "gunicorn-tornado",
        (*GUNICORN, "tornado"),
        "gunicorn --worker-class=tornado app:app",
        GUNICORN_BIND,
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "`--worker-class=gthread --threads=64`",
    ),
    ServerRow(
        "gunicorn-asgi-a2wsgi",
        (*GUNICORN, "a2wsgi"),
        "gunicorn --worker-class=asgi app:app",
        GUNICORN_BIND,
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "`--worker-class=gthread --threads=64`, without an adapter",
        adapter="a2wsgi",
    ),
    ServerRow(
        "granian",
        ("granian",),
        "granian --interface wsgi app:app",
        "--host=127.0.0.1 --port={port}",
        Streams.GROWING,
        Leave.HEARTBEAT,
        Stop.WAITS,
        "nothing: its 512 threads hold 384 streams",
    ),
    ServerRow(
        "granian-threads",
        ("granian",),
        f"granian --interface wsgi --blocking-threads={THREADS} app:app",
        "--host=127.0.0.1 --port={port}",
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.WAITS,
        "64 threads, or none of the option",
    ),
    ServerRow(
        "waitress",
        ("waitress",),
        f"waitress-serve --threads={THREADS} app:app",
        "--listen=127.0.0.1:{port}",
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "64 threads; the default is 4",
    ),
    ServerRow(
        "cheroot",
        ("cheroot",),
        f"cheroot --threads={THREADS} app:app",
        "--bind=127.0.0.1:{port}",
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "64 threads; the default is 10",
    ),
    ServerRow(
        "uwsgi-threads",
        ("uwsgi",),
        f"uwsgi {UWSGI_OPTIONS} --threads={THREADS}",
        UWSGI_BIND,
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "64 threads",
        keeps_alive=False,
    ),
    ServerRow(
        "uwsgi",
        ("uwsgi",),
        f"uwsgi {UWSGI_OPTIONS}",
        UWSGI_BIND,
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "`--threads=64`",
        keeps_alive=False,
    ),
    ServerRow(
        "uwsgi-gevent",
        ("uwsgi", "gevent"),
        f"uwsgi {UWSGI_OPTIONS} --gevent=100 --gevent-monkey-patch",
        UWSGI_BIND,
        Streams.GREENLET,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "`--gevent` a third above the number of viewers",
        keeps_alive=False,
    ),
    ServerRow(
        "mod-wsgi",
        ("mod_wsgi",),
        f"mod_wsgi-express start-server --threads={THREADS} app.wsgi",
        "",
        Streams.THREAD,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "64 threads; the default is 5",
    ),
    ServerRow(
        "uvicorn-a2wsgi",
        ("uvicorn", "a2wsgi"),
        "uvicorn app:app",
        "--host=127.0.0.1 --port={port}",
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "a server of WSGI, such as gunicorn",
        adapter="a2wsgi",
    ),
    ServerRow(
        "hypercorn-wsgi",
        ("hypercorn",),
        "hypercorn wsgi:app:app",
        "--bind=127.0.0.1:{port}",
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "asgiref's `WsgiToAsgi`: on its own, hypercorn sends 500 instead of a response without "
        "a body",
        sends_empty=False,
    ),
    ServerRow(
        "hypercorn-asgiref",
        ("hypercorn", "asgiref"),
        "hypercorn app:app",
        "--bind=127.0.0.1:{port}",
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "a server of WSGI, such as gunicorn",
        adapter="asgiref",
    ),
    ServerRow(
        "bjoern",
        ("bjoern",),
        'bjoern.run(app, "127.0.0.1", 8000)',
        "import bjoern",
        Streams.NOTHING,
        Leave.NOTHING,
        Stop.NOTHING,
        "a server with threads",
    ),
    ServerRow(
        "gevent-pywsgi",
        ("gevent",),
        'WSGIServer(("127.0.0.1", 8000), app).serve_forever()',
        "from gevent import monkey; monkey.patch_all(); from gevent.pywsgi import WSGIServer",
        Streams.GREENLET,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "gevent's `monkey.patch_all()` before everything else",
    ),
    ServerRow(
        "werkzeug",
        ("werkzeug",),
        "flask --app app:app run",
        "--host=127.0.0.1 --port={port}",
        Streams.GROWING,
        Leave.HEARTBEAT,
        Stop.CUTS,
        "another server in production",
        keeps_alive=False,
    ),
)


def describe_server(row: ServerRow) -> str:
    """Return what identifies a row to users, in Markdown."""
    adapter = f", through {row.adapter}" if row.adapter else ""
    settings = "".join(f", `{name} = {value}`" for name, value in row.settings.items())
    return f"`{row.command}`{adapter}{settings}"


@dataclass(frozen=True)
class ProxyRow:
    """A proxy in front of gunicorn's gthread worker.

    :param executable: of the Debian package.
    :param settings: what users add to the proxy's configuration.
    :param streams: what a stream then holds in gunicorn.
    """

    name: str
    title: str
    executable: str
    package: str
    settings: str
    streams: Streams


NGINX_SETTINGS = 'proxy_http_version 1.1; proxy_set_header Connection "";'

PROXIES = (
    ProxyRow("nginx-default", "nginx, as it is", "nginx", "nginx", "", Streams.THREAD),
    ProxyRow("nginx", "nginx", "nginx", "nginx", NGINX_SETTINGS, Streams.SOCKET),
    ProxyRow("caddy", "Caddy", "caddy", "caddy", "", Streams.SOCKET),
    ProxyRow("haproxy", "HAProxy", "haproxy", "haproxy", "", Streams.SOCKET),
    ProxyRow("apache", "Apache, `mod_proxy_http`", "apache2", "apache2", "", Streams.SOCKET),
)
