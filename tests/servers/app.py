"""The app of the matrix, as WSGI, or as ASGI through the adapter ``SITE_ADAPTER``."""

from __future__ import annotations

import importlib
import os
from typing import Any

from tests.streaming.site import create_app

#: The module and the class of each adapter.
ADAPTERS = {"a2wsgi": ("a2wsgi", "WSGIMiddleware"), "asgiref": ("asgiref.wsgi", "WsgiToAsgi")}

app: Any = create_app()

if adapter := os.environ.get("SITE_ADAPTER"):
    module, name = ADAPTERS[adapter]
    app = getattr(importlib.import_module(module), name)(app)
