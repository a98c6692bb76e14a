"""Endpoints of Unity Catalog: ``unity-catalog/…``, over the tables and volumes of tasks.

Each request runs statements like the Statement Execution API, on DuckDB or on Spark. So it shows
the catalogs, schemas and tables that SQL shows. A volume is a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractContextManager, suppress

from ..engine.bundle_catalogs import BUILT_IN_CATALOGS
from ..engine.statement_runner import SUCCEEDED, Statement, StatementRequest, StatementRunner
from ..errors import ApiError, InvalidParameterValue
from ..user_data.folder import Folder
from .catalog_objects import (
    Name,
    already_exists,
    build_columns_query,
    build_information_query,
    does_not_exist,
    paginate,
    parse_name,
    quote_object,
    serialize_object,
    split_columns,
)
from .grants import Grants, serialize_privileges
from .request import Request, Routes
from .serializers import Json

#: Below the 60 seconds for which the SDK waits.
MAX_WAIT_SECONDS = 50
MAX_PAGE_OBJECTS = 1000
#: A page of tables has their columns too.
MAX_PAGE_TABLES = 50
_VOLUME_TYPES = ("MANAGED", "EXTERNAL")


class UnityCatalogEndpoints:
    """The handlers of ``unity-catalog/…``.

    :param waiting: see :class:`.StatementEndpoints`.
    :param named_catalogs: returns the catalogs that exist before a task has created them.
    :param volumes: the folder of volumes.
    :param grants: on all objects.
    :param owner: of all objects.
    :param workspace_id: of the workspace, to which the metastore is assigned.
    """

    def __init__(
        self,
        runner: StatementRunner,
        waiting: Callable[[], AbstractContextManager[bool]],
        named_catalogs: Callable[[], Set[str]],
        volumes: Folder,
        grants: Grants,
        owner: str,
        workspace_id: int,
    ) -> None:
        self._runner = runner
        self._waiting = waiting
        self._named_catalogs = named_catalogs
        self._volumes = volumes
        self._grants = grants
        self._owner = owner
        self._workspace_id = workspace_id
        self.routes: Routes = {
            ("GET", "unity-catalog/current-metastore-assignment"): self.get_metastore,
            ("GET", "unity-catalog/catalogs"): self.list_catalogs,
            ("GET", "unity-catalog/catalogs/{full_name}"): self.get_catalog,
            ("GET", "unity-catalog/schemas"): self.list_schemas,
            ("POST", "unity-catalog/schemas"): self.create_schema,
            ("GET", "unity-catalog/schemas/{full_name}"): self.get_schema,
            ("DELETE", "unity-catalog/schemas/{full_name}"): self.delete_schema,
            ("GET", "unity-catalog/permissions/{securable_type}/{full_name}"): self.get_grants,
            ("PATCH", "unity-catalog/permissions/{securable_type}/{full_name}"): self.update_grants,
            ("GET", "unity-catalog/tables"): self.list_tables,
            ("GET", "unity-catalog/tables/{full_name}"): self.get_table,
            ("GET", "unity-catalog/tables/{full_name}/exists"): self.find_table,
            ("DELETE", "unity-catalog/tables/{full_name}"): self.delete_table,
            ("GET", "unity-catalog/volumes"): self.list_volumes,
            ("POST", "unity-catalog/volumes"): self.create_volume,
            ("GET", "unity-catalog/volumes/{full_name}"): self.read_volume,
            ("DELETE", "unity-catalog/volumes/{full_name}"): self.delete_volume,
        }

    def get_metastore(self, _request: Request) -> Json:
        """``GET unity-catalog/current-metastore-assignment``; templates of bundles read it."""
        return {
            "default_catalog_name": BUILT_IN_CATALOGS[0],
            "metastore_id": "local",  # as SQL calls it
            "workspace_id": self._workspace_id,
        }

    def list_catalogs(self, request: Request) -> Json:
        names, following = paginate(request, sorted(self._find_catalogs()), MAX_PAGE_OBJECTS)
        return {"catalogs": [self._serialize_catalog((each,)) for each in names], **following}

    def get_catalog(self, request: Request) -> Json:
        name = _read_name(request, length=1)
        if not self._has_catalog(name[0]):
            raise does_not_exist(name)
        return self._serialize_catalog(name)

    def list_schemas(self, request: Request) -> Json:
        (catalog,) = _read_name(request, "catalog_name")
        found = sorted(self._find_schemas(catalog))
        names, following = paginate(request, found, MAX_PAGE_OBJECTS)
        schemas = [serialize_object((catalog, each), self._owner) for each in names]
        return {"schemas": schemas, **following}

    def create_schema(self, request: Request) -> Json:
        """``POST unity-catalog/schemas``; its catalog is created with it, as in SQL."""
        name = _read_name(request, "catalog_name", "name")
        if self._has_catalog(name[0]) and name[1] in self._find_schemas(name[0]):
            raise already_exists(name, "Schema")
        self._run(f"CREATE SCHEMA {quote_object(name)}")
        self._grants.clear(f"schema/{'.'.join(name)}")
        return serialize_object(name, self._owner)

    def get_schema(self, request: Request) -> Json:
        name = _read_name(request, length=2)
        self._require_schema(name)
        return serialize_object(name, self._owner)

    def delete_schema(self, request: Request) -> Json:
        """``DELETE unity-catalog/schemas/{full_name}``; ``force`` deletes what is in it too."""
        name = _read_name(request, length=2)
        tables, volumes = self._find_tables(name), self._list_folder(*name)
        if not (tables or volumes):
            self._require_schema(name)
        elif not request.read_bool("force"):
            raise ApiError(
                400,
                "INVALID_STATE",
                f"Schema '{'.'.join(name)}' is not empty. The schema has {len(tables)} table(s), 0 "
                f"function(s), {len(volumes)} volume(s)",
            )
        self._run(f"DROP SCHEMA IF EXISTS {quote_object(name)} CASCADE")
        with suppress(FileNotFoundError):
            self._volumes.remove(name, recursive=True)
        return {}

    def get_grants(self, request: Request) -> Json:
        """``GET unity-catalog/permissions/{securable_type}/{full_name}``."""
        granted = self._grants.read(self._find_object(request))
        return serialize_privileges(granted, request.read_text("principal"))

    def update_grants(self, request: Request) -> Json:
        """``PATCH unity-catalog/permissions/{securable_type}/{full_name}``."""
        changes = request.read_items("changes")
        path = self._find_object(request)
        return serialize_privileges(self._grants.change(path, changes))

    def list_tables(self, request: Request) -> Json:
        schema = _read_name(request, "catalog_name", "schema_name")
        found = self._find_tables(schema)
        if not found:
            self._require_schema(schema)
        names, following = paginate(request, sorted(found), MAX_PAGE_TABLES)
        tables = [self._serialize_table((*schema, each), found[each]) for each in names]
        if tables and not request.read_bool("omit_columns"):
            self._add_columns(tables)
        return {"tables": tables, **following}

    def get_table(self, request: Request) -> Json:
        table = self._require_table(request)
        self._add_columns([table])
        return table

    def find_table(self, request: Request) -> Json:
        """``GET unity-catalog/tables/{full_name}/exists``."""
        *schema, table = _read_name(request, length=3)
        return {"table_exists": table in self._find_tables(tuple(schema))}

    def delete_table(self, request: Request) -> Json:
        table = self._require_table(request)
        kind = "VIEW" if table["table_type"] == "VIEW" else "TABLE"
        self._run(f"DROP {kind} {quote_object(_name_of(table))}")
        return {}

    def list_volumes(self, request: Request) -> Json:
        schema = _read_name(request, "catalog_name", "schema_name", keeps_case=True)
        found = self._list_folder(*schema)
        if not found:
            self._require_schema((schema[0].lower(), schema[1].lower()))
        names, following = paginate(request, found, MAX_PAGE_OBJECTS)
        volumes = [self._serialize_volume((*schema, each)) for each in names]
        return {"volumes": volumes, **following}

    def create_volume(self, request: Request) -> Json:
        """``POST unity-catalog/volumes``; its schema is created with it, as by a path."""
        name = _read_name(request, "catalog_name", "schema_name", "name", keeps_case=True)
        request.require_text("volume_type")
        kind = request.read_choice("volume_type", _VOLUME_TYPES)
        if name[2] in self._list_folder(*name[:2]):
            raise already_exists(name, "Volume")
        self._volumes.make(name)
        self._grants.clear(f"volume/{'.'.join(name)}")
        return {**self._serialize_volume(name), "volume_type": kind}

    def read_volume(self, request: Request) -> Json:
        return self._serialize_volume(self._require_volume(request))

    def delete_volume(self, request: Request) -> Json:
        """``DELETE unity-catalog/volumes/{full_name}``, with its files."""
        self._volumes.remove(self._require_volume(request), recursive=True)
        return {}

    def _find_object(self, request: Request) -> str:
        """Return the type and the name of an object that can be granted."""
        find: dict[str, Callable[[Request], Json]] = {
            "catalog": self.get_catalog,
            "schema": self.get_schema,
            "table": self.get_table,
            "volume": self.read_volume,
        }
        kind = request.require_text("securable_type").lower()
        if kind not in find:
            raise InvalidParameterValue(
                f"The local workspace has no grants on {kind}. It has those on {', '.join(find)}."
            )
        return f"{kind}/{find[kind](request)['full_name']}"

    def _find_catalogs(self) -> set[str]:
        found = self._fetch_names("SHOW CATALOGS") - {"spark_catalog"}
        return {*found, *self._named_catalogs(), *map(str.lower, self._list_folder())}

    def _has_catalog(self, name: str) -> bool:
        return name in self._named_catalogs() or name in self._find_catalogs()

    def _find_schemas(self, catalog: str) -> set[str]:
        if not self._has_catalog(catalog):
            raise does_not_exist((catalog,))
        found = self._fetch_names(f"SHOW SCHEMAS IN `{catalog}`")
        return {*found, *map(str.lower, self._list_folder(catalog))}

    def _require_schema(self, name: Name) -> None:
        if name[1] not in self._find_schemas(name[0]):
            raise does_not_exist(name)

    def _find_tables(self, schema: Name) -> dict[str, Json]:
        """Return the type and the comment of the tables and views of a schema by name."""
        if not self._has_catalog(schema[0]):
            return {}
        rows = self._fetch(build_information_query(schema, "tables", "table_type", "comment"))
        return {
            str(name).lower(): {"table_type": kind} | ({"comment": comment} if comment else {})
            for name, kind, comment in rows
        }

    def _require_table(self, request: Request) -> Json:
        name = _read_name(request, length=3)
        fields = self._find_tables(name[:2]).get(name[2])
        if fields is None:
            self._require_schema(name[:2])
            raise does_not_exist(name, "Table")
        return self._serialize_table(name, fields)

    def _add_columns(self, tables: list[Json]) -> None:
        """Add the columns of tables of one schema; a view that reads a dropped table has none."""
        self._add_types(tables)
        schema = _name_of(tables[0])[:2]
        query = build_information_query(schema, "columns", "column_name", "is_nullable", "comment")
        found = {(str(row[0]).lower(), row[1]): row[2:] for row in self._fetch(query)}
        for table in tables:
            for column in table.get("columns", []):
                null, comment = found.get((table["name"], column["name"]), ("YES", None))
                column["nullable"] = null == "YES"
                column |= {"comment": comment} if comment else {}

    def _add_types(self, tables: list[Json]) -> None:
        try:
            described = self._run(build_columns_query([*map(_name_of, tables)])).columns
        except ApiError as error:
            if error.status != 400:
                raise
            half = len(tables) // 2
            for part in (tables[:half], tables[half:]) if half else ():
                self._add_types(part)
            return
        for table, columns in zip(tables, split_columns(described, len(tables)), strict=True):
            table["columns"] = columns

    def _require_volume(self, request: Request) -> Name:
        name = _read_name(request, length=3, keeps_case=True)
        if name[2] not in self._list_folder(*name[:2]):
            raise does_not_exist(name, "Volume")
        return name

    def _list_folder(self, *parts: str) -> list[str]:
        """Return the volumes of a schema, or the schemas or catalogs that have volumes."""
        with suppress(FileNotFoundError, NotADirectoryError):
            folder = self._volumes.locate(parts)
            return [each for each in self._volumes.names(parts) if (folder / each).is_dir()]
        return []

    def _serialize_catalog(self, name: Name) -> Json:
        return serialize_object(name, self._owner, catalog_type="MANAGED_CATALOG")

    def _serialize_table(self, name: Name, fields: Json) -> Json:
        source = {} if fields["table_type"] == "VIEW" else {"data_source_format": "DELTA"}
        return serialize_object(name, self._owner, **fields, **source)

    def _serialize_volume(self, name: Name) -> Json:
        path = f"/Volumes/{'/'.join(name)}"
        fields = {"volume_type": "MANAGED", "storage_location": path}
        return serialize_object(name, self._owner, **fields)

    def _fetch_names(self, query: str) -> set[str]:
        return {str(name).lower() for (name,) in self._fetch(query)}

    def _fetch(self, query: str) -> list[list[str | None]]:
        statement = self._run(query)
        chunks = range(len(statement.chunks))
        return [row for index in chunks for row in self._runner.read_rows(statement, index)]

    def _run(self, text: str) -> Statement:
        """Run a statement to its end.

        :raises ApiError: it fails, or others use the tables for too long.
        """
        statement = self._runner.start(StatementRequest(text))
        with self._waiting() as may_wait:
            has_ended = statement.ended.wait(MAX_WAIT_SECONDS if may_wait else 0)
        if not has_ended:
            self._runner.cancel(statement)
            message = "Other tasks use the tables of the local workspace. Try again later."
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", message)
        if statement.state != SUCCEEDED:
            raise ApiError(400, "BAD_REQUEST", statement.error or "The workspace is stopping.")
        return statement


def _name_of(table: Json) -> Name:
    return tuple(table["full_name"].split("."))


def _read_name(request: Request, *fields: str, length: int = 0, keeps_case: bool = False) -> Name:
    """Read a name from fields with its parts, or else from its full name.

    :param length: the number of parts of the full name.
    """
    text = ".".join(map(request.require_text, fields or ["full_name"]))
    return parse_name(text if keeps_case else text.lower(), length or len(fields))
