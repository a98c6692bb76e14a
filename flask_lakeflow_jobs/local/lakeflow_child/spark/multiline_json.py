"""JSON with values over several lines, which Sail does not read: copies with one a line."""

from __future__ import annotations

import hashlib
import json
import os

from .stream_sources import list_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Load = Callable[..., Any]


def serve_multiline_json(translate: Callable[[Any], Any]) -> None:
    """Let readers take the option ``multiLine`` for JSON.

    :param translate: returns the path of this machine for one of the workspace.
    """
    from pyspark.sql.connect.readwriter import DataFrameReader

    reader: Any = DataFrameReader
    reader.load = _read_copies(reader.load, translate)


def copy_by_line(file: str, folder: str) -> str:
    """Return a copy of a file that has each value in one line.

    :param folder: keeps the copies.
    """
    with open(file, encoding="utf-8-sig") as source:
        value = json.load(source)
    values = value if isinstance(value, list) else [value]
    text = "".join(json.dumps(each) + "\n" for each in values)
    os.makedirs(folder, exist_ok=True)
    copy = os.path.join(folder, hashlib.sha256(f"{file}{text}".encode()).hexdigest()[:32] + ".json")
    with open(copy, "w", encoding="utf-8") as target:
        target.write(text)
    return copy


def _read_copies(load: Load, translate: Callable[[Any], Any]) -> Load:
    def load_copies(
        self: Any,
        path: Any = None,
        format: str | None = None,  # noqa: A002
        schema: Any = None,
        **options: Any,
    ) -> Any:
        self.options(**options)
        name = format or self._format or ""
        own = {key.lower(): str(value).lower() for key, value in self._options.items()}
        if name.lower() == "json" and own.get("multiline") == "true" and path is not None:
            folder = os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "json")
            paths = path if isinstance(path, (list, tuple)) else [path]
            pattern = self._options.get("pathGlobFilter", "*")
            files = [file for each in paths for file in list_files(str(translate(each)), pattern)]
            if files:
                path = [copy_by_line(each, folder) for each in files]
                self._options = {
                    key: value
                    for key, value in self._options.items()
                    if key.lower() not in ("multiline", "pathglobfilter")
                }
        return load(self, path, format, schema=schema)

    return load_copies
