"""Compression of responses."""

from __future__ import annotations

import zlib

from flask import Request, Response

#: Smaller bodies fit into one packet as they are.
MIN_BYTES = 1_000

LEVEL = 6

#: The format of ``gzip``, with its header and checksum.
GZIP = 16 + zlib.MAX_WBITS


def compress(response: Response, request: Request) -> Response:
    """Compress the body of a response if the client accepts it and it is worth it.

    The body must not hold a secret beside text that another site can choose.
    """
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) < MIN_BYTES or request.accept_encodings.quality("gzip") <= 0:
        return response
    compressor = zlib.compressobj(LEVEL, wbits=GZIP)
    response.set_data(compressor.compress(body) + compressor.flush())
    response.headers["Content-Encoding"] = "gzip"
    return response
