"""The commands that start the servers and proxies of the matrix."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from docs_servers import ProxyRow, ServerRow

from tests.streaming.servers import ROOT, no_control_socket

APP = "tests.servers.app:app"

#: Where Debian keeps servers.
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog /dev/stderr
{user}
Mutex file:{folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
GracefulShutdownTimeout 1
"""

MOD_WSGI = """
LoadModule wsgi_module {module}
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess site {daemon_user} processes=1 threads={threads} python-home={prefix} \
python-path={root}
WSGIProcessGroup site
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {root}/tests/servers/app.py
<Directory {root}/tests/servers>
    Require all granted
</Directory>
WSGICallableObject app
"""

APACHE_PROXY = """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ProxyPass / http://127.0.0.1:{upstream}/ ttl=1
"""

NGINX = """
daemon off;
pid {folder}/pid;
error_log /dev/stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            {settings}
        }}
    }}
}}
"""

CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen site
    bind 127.0.0.1:{port}
    server app 127.0.0.1:{upstream}
"""


def server_command(row: ServerRow, threads: int, folder: Path, port: int) -> list[str]:
    """Return the command of a server that listens on a port.

    :param folder: for its files.
    """
    if row.packages == ("mod_wsgi",):
        return _apache(MOD_WSGI, folder, port, threads=threads, module=_mod_wsgi())
    if "(" in row.command:
        code = row.command.replace("8000", str(port))
        imported = "; ".join([row.extra, "from tests.servers.app import app", code])
        return [sys.executable, "-c", imported]
    name, *options = shlex.split(row.command.replace("app:app", APP))
    added = shlex.split(row.extra.format(port=port, prefix=sys.prefix, root=ROOT))
    if name == "gunicorn":
        added += no_control_socket()
    last = [options.pop()] if options[-1] == APP else []  # where it may stand before no option
    return [str(Path(sys.executable).with_name(name)), *options, *added, *last]


def proxy_command(row: ProxyRow, folder: Path, port: int, upstream: int) -> list[str]:
    """Return the command of a proxy that listens on a port, in front of another."""
    executable = find(row.executable) or row.executable
    config = folder / "config"
    values = {"folder": folder, "port": port, "upstream": upstream, "settings": row.settings}
    if row.executable == "apache2":
        return _apache(APACHE_PROXY, folder, port, upstream=upstream)
    if row.executable == "nginx":
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(NGINX.format(**values, user=user))
        return [executable, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    if row.executable == "caddy":
        config.write_text(CADDY.format(**values))
        return [executable, "run", "--config", str(config), "--adapter", "caddyfile"]
    config.write_text(HAPROXY.format(**values))
    return [executable, "-db", "-f", str(config)]


def find(executable: str) -> str | None:
    """Return the path of an executable, or ``None``."""
    return shutil.which(executable, path=SEARCH_PATH)


def _apache(extra: str, folder: Path, port: int, **values: object) -> list[str]:
    """Return the command of an Apache with these lines at the end of its configuration."""
    is_root = os.geteuid() == 0
    config = folder / "config"
    modules = "/usr/lib/apache2/modules"
    user = "User www-data\nGroup www-data" if is_root else ""
    config.write_text(
        (APACHE + extra).format(
            **values,
            folder=folder,
            port=port,
            user=user,
            daemon_user="user=www-data group=www-data" if is_root else "",
            modules=modules,
            prefix=sys.prefix,
            root=ROOT,
        )
    )
    # As root, mod_wsgi insists on another user, who could not read root's files without this.
    keep_capabilities = ["setpriv", "--securebits=+no_setuid_fixup"] if is_root else []
    executable = find("apache2") or "apache2"
    return [*keep_capabilities, executable, "-D", "FOREGROUND", "-f", str(config)]


def _mod_wsgi() -> str:
    """Return the path of the module that was built for this Python."""
    command = [str(Path(sys.executable).with_name("mod_wsgi-express")), "module-location"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
