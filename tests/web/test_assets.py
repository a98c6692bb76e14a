"""Static files: browsers ask for them each time, and load them only if they changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from flask_lakeflow_jobs.web.assets import Assets


def test_asset_is_revalidated_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("first")
    assets, app = Assets(tmp_path), Flask("app")
    with app.test_request_context():
        first = assets.respond("page.js")
    assert first.headers["Cache-Control"] == "no-cache"
    headers = {"If-None-Match": first.headers["ETag"]}
    with app.test_request_context(headers=headers):
        assert assets.respond("page.js").status_code == 304
        (tmp_path / "page.js").write_text("other")
        changed = assets.respond("page.js")
        assert (changed.status_code, changed.get_data()) == (200, b"other")


def test_assets_are_known_types_of_the_first_folder_that_has_them(tmp_path: Path) -> None:
    for folder, name in (("a", "both.js"), ("b", "both.js"), ("b", "single.css"), ("b", "key.pem")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(folder)
    assets = Assets(tmp_path / "a", tmp_path / "b")
    with Flask("app").test_request_context():
        assert assets.respond("both.js").get_data() == b"a"
        assert assets.respond("single.css").mimetype == "text/css"
        with pytest.raises(NotFound):
            assets.respond("key.pem")
