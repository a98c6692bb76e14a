"""Compression of responses."""

from __future__ import annotations

import gzip

import pytest
from flask import Flask, Response, request

from flask_lakeflow_jobs.console.headers import MIN_COMPRESSED_BYTES, compress

BODY = "abc" * MIN_COMPRESSED_BYTES


@pytest.mark.parametrize(
    ("accepted", "body", "encoding"),
    [
        ("gzip, br", BODY, "gzip"),
        ("*", BODY, "gzip"),
        ("gzip;q=0", BODY, None),
        ("br", BODY, None),
        (None, BODY, None),
        ("gzip", "short", None),
    ],
)
def test_compress_follows_what_the_client_accepts(
    accepted: str | None, body: str, encoding: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    with Flask("x").test_request_context(headers=headers):
        response = compress(Response(body), request)
    assert response.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in response.vary
    data = response.get_data()
    assert (gzip.decompress(data) if encoding else data) == body.encode()
    assert response.content_length == len(data)
