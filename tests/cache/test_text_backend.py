"""Backends of Flask-Caching that store texts, beside those of the host app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_caching import Cache

from flask_lakeflow_jobs.cache.shared_cache import SharedCache
from flask_lakeflow_jobs.cache.text_backend import PlainTextSerializer


def _files(folder: Path) -> dict[str, Any]:
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder), "CACHE_THRESHOLD": 5}


@pytest.mark.parametrize("stored", [b"caf\xc3\xa9", "café"])
def test_entries_are_read_as_bytes_and_as_texts_that_redis_has_decoded(stored: bytes | str) -> None:
    assert PlainTextSerializer().loads(stored) == "café"


def test_files_that_former_processes_wrote_count_for_the_threshold(tmp_path: Path) -> None:
    for process in range(4):
        shared = SharedCache.from_config(Flask(__name__), _files(tmp_path), None)
        for number in range(4):
            shared.set(f"{process}-{number}", number, 60)
    assert len(list(tmp_path.iterdir())) <= 5 + 1 + 1  # one over the threshold, and the number


def test_files_of_the_host_cache_are_counted_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, host = Flask(__name__), Cache(config=_files(tmp_path), with_jinja2_ext=False)
    shared = SharedCache.from_config(app, {}, host)
    with app.app_context():
        for number in range(10):
            shared.set(f"ours-{number}", number, 60)
            host.set(f"theirs-{number}", number)
        assert host.get("theirs-9") == 9
    assert len(list(tmp_path.iterdir())) <= 5 + 1 + 1
    assert not caplog.records
