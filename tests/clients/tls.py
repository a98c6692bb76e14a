"""TLS in front of a workspace, for a client that requires it."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class TlsProxy:
    """The address of a server that accepts TLS.

    :param name: host and port.
    :param authority: the file of the certificate to trust.
    """

    name: str
    authority: Path


@contextmanager
def serve_tls(address: tuple[str, int], folder: Path) -> Iterator[TlsProxy]:
    """Accept TLS connections and forward their data.

    :param address: the server to forward to.
    :param folder: for the certificate of a new authority.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError),  # the client may close at any time
                context.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(address) as upstream,
            ):
                responses = threading.Thread(target=_forward, args=(upstream, client))
                responses.start()
                _forward(client, upstream)
                responses.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            port = server.server_address[1]
            yield TlsProxy(f"localhost:{port}", folder / "authority.pem")
        finally:
            server.shutdown()
            thread.join()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    """Forward data, and its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
