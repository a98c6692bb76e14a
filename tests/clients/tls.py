"""TLS in front of a workspace, for a client that accepts no less."""

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
class TlsFront:
    """Where TLS is spoken.

    :param name: host and port.
    :param authority: the file of the certificate to trust.
    """

    name: str
    authority: Path


@contextmanager
def tls_in_front_of(address: tuple[str, int], folder: Path) -> Iterator[TlsFront]:
    """Take TLS connections and pass on what comes over them.

    :param address: where to.
    :param folder: for the certificate of an authority that nobody else trusts.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    class PassOn(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError),  # whoever closes in mid-sentence is done
                context.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(address) as upstream,
            ):
                answers = threading.Thread(target=_pump, args=(upstream, client))
                answers.start()
                _pump(client, upstream)
                answers.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), PassOn) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            port = server.server_address[1]
            yield TlsFront(f"localhost:{port}", folder / "authority.pem")
        finally:
            server.shutdown()
            thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, and at its end that it has ended."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
