"""Libraries that open files without Python, such as polars, take paths of the workspace."""

from __future__ import annotations

import re
from functools import wraps

from .import_hooks import change_when_loaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Mapping
    from typing import Any

    from .paths import WorkspacePaths

# Patterns of the functions of other libraries that take a path: of each module, and of its
# classes. pandas reads folders, and writes partitions, with those of pyarrow.
_NATIVE = {
    "cv2": {"": r"im(?:read|write)\w*|Video(?:Capture|Writer)"},
    "deltalake": {"": "write_deltalake", "DeltaTable": "__init__"},
    "duckdb": {
        "": r"connect|from_\w+|read_\w+",
        "DuckDBPyConnection": r"from_\w+|read_\w+",
        "DuckDBPyRelation": r"(?:to|write)_\w+",
    },
    "h5py": {"File": "__init__"},
    "lightgbm": {"Booster": "__init__|save_model"},
    "netCDF4": {"": "Dataset"},
    "polars": {
        "": r"(?:read|scan)_\w+",
        "DataFrame": r"write_\w+",
        "LazyFrame": r"sink_\w+",
    },
    "pyarrow": {"": r"OSFile|memory_map|(?:input|output)_stream"},
    "pyarrow.csv": {"": r"(?:open|read|write)_csv"},
    "pyarrow.dataset": {"": r"dataset|write_dataset"},
    "pyarrow.feather": {"": r"(?:read|write)_\w+"},
    "pyarrow.json": {"": r"(?:open|read)_json"},
    "pyarrow.orc": {"": r"(?:read|write)_table", "ORCFile": "__init__"},
    "pyarrow.parquet": {
        "": r"(?:read|write)_\w+",
        "ParquetDataset": "__init__",
        "ParquetFile": "__init__",
        "ParquetWriter": "__init__",
    },
    "pymupdf": {"Document": "__init__|save"},
    "pyogrio": {"": r"(?:read|write)_\w+"},
    "pyreadstat": {"": r"(?:read|write)_\w+"},
    "rasterio": {"": "open"},
    "soundfile": {"SoundFile": "__init__"},
    "sqlite3": {"": "connect"},
    "sqlite3.dbapi2": {"": "connect"},
    "tables": {"": "open_file"},
    # Not torch.save: a list of paths may be what it saves.
    "torch.serialization": {"_open_zipfile_writer_file": "__init__"},
    "xgboost": {"Booster": "__init__|(?:load|save)_model"},
}
# The same of functions that take a statement of SQL.
_STATEMENTS = {
    "duckdb": dict.fromkeys(("", "DuckDBPyConnection"), "execute|from_query|query|sql"),
}


class NativePaths:
    """Lets libraries take paths once they are loaded."""

    def __init__(self, paths: WorkspacePaths) -> None:
        self._paths = paths

    def install(self) -> None:
        """Let the libraries take paths from now on."""
        change_when_loaded(dict.fromkeys(_NATIVE, self._wrap_functions))

    def _wrap_functions(self, module: types.ModuleType) -> None:
        _wrap_all(module, _NATIVE[module.__name__], self._translate)
        _wrap_all(module, _STATEMENTS.get(module.__name__, {}), self._translate_statement)

    def _translate(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._paths.translate(each) for each in value]
        return self._paths.translate(value)

    def _translate_statement(self, value: Any) -> Any:
        return self._paths.translate_sql(value) if isinstance(value, str) else value


def _wrap_all(
    module: types.ModuleType, patterns: Mapping[str, str], translate: Callable[[Any], Any]
) -> None:
    for holder_name, pattern in patterns.items():
        holder: Any = getattr(module, holder_name, None) if holder_name else module
        for name in [each for each in dir(holder) if re.fullmatch(pattern, each)]:
            setattr(holder, name, _wrap(getattr(holder, name), translate))


def _wrap(function: Callable[..., Any], translate: Callable[[Any], Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        translated = {key: translate(each) for key, each in named.items()}
        return function(*map(translate, arguments), **translated)

    return call
