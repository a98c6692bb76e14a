"""The form of problem documents."""

from __future__ import annotations

import json
from typing import Any

MEMBERS = {"type", "title", "status", "detail", "retryable", "errors", "upstream_code"}


def document_of(response: Any) -> Any:
    """Return the problem document of a response, after checking its form."""
    assert response.mimetype == "application/problem+json"
    document = json.loads(response.data)
    assert document["status"] == response.status_code
    assert {"type", "title", "status", "detail"} <= set(document) <= MEMBERS
    assert all(document[name] for name in ("type", "title", "detail"))
    return document
