"""The addresses of the console's pages outside a request."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

#: The endpoint of a run's page, which exists if the app serves the console.
RUN_PAGE = "lakeflow_console.show_run"


def find_run_page(app: Flask, key: str, run_id: int, base_url: str | None = None) -> str | None:
    """Return the address of a run's page in the console.

    :param key: the job's.
    :param base_url: the address of the app; ``None``: that of ``SERVER_NAME``.
    :return: ``None`` if the app has no console, or its address is not known.
    """
    if RUN_PAGE not in app.view_functions:
        return None
    config = app.config
    if base_url is None and config.get("SERVER_NAME"):
        root = config["APPLICATION_ROOT"]
        base_url = f"{config['PREFERRED_URL_SCHEME']}://{config['SERVER_NAME']}{root}"
    if base_url is None:
        return None
    parts, values = urlsplit(base_url), {"key": key, "run_id": run_id}
    with app.app_context():
        app.inject_url_defaults(RUN_PAGE, values)
    # url_for would prefer SERVER_NAME to another address
    adapter = app.url_map.bind(parts.netloc, parts.path or "/", url_scheme=parts.scheme)
    return adapter.build(RUN_PAGE, values, force_external=True)
