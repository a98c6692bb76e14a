"""Endpoints of Unity Catalog: ``unity-catalog/…``, over the tables and volumes of tasks.

Each request runs statements like the Statement Execution API, on DuckDB or on Spark. So it shows
the catalogs, schemas and tables that SQL shows. A volume is a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..errors import ApiError, InvalidParameterValue
from ..files.volume_folder import Folder
from ..tasks.catalogs import BUILT_IN_CATALOGS
from .catalog_objects import (
    Name,
    already_exists,
    does_not_exist,
    name_of_object,
    paginate,
    parse_name,
    quote_object,
    read_object_details,
    serialize_object,
)
from .catalog_tree import CatalogTree
from .grants import Grants, serialize_privileges
from .kept_objects import KeptObjects
from .request import Request, Routes
from .serializers import Json

MAX_PAGE_OBJECTS = 1000
#: A page of tables has their columns too.
MAX_PAGE_TABLES = 50
_VOLUME_TYPES = ("MANAGED", "EXTERNAL")
#: They do not keep a catalog from being deleted.
_BUILT_IN_SCHEMAS = {"default", "information_schema"}


class UnityCatalogEndpoints:
    """The handlers of ``unity-catalog/…``.

    :param volumes: the folder of volumes.
    :param objects: the comments, properties and other fields of objects.
    :param grants: on all objects.
    :param owner: of all objects.
    :param workspace_id: of the workspace, to which the metastore is assigned.
    """

    def __init__(
        self,
        tree: CatalogTree,
        volumes: Folder,
        objects: KeptObjects,
        grants: Grants,
        owner: str,
        workspace_id: int,
    ) -> None:
        self._tree = tree
        self._volumes = volumes
        self._objects = objects
        self._grants = grants
        self._owner = owner
        self._workspace_id = workspace_id
        self.routes: Routes = {
            ("GET", "unity-catalog/current-metastore-assignment"): self.get_metastore,
            ("GET", "unity-catalog/catalogs"): self.list_catalogs,
            ("POST", "unity-catalog/catalogs"): self.create_catalog,
            ("GET", "unity-catalog/catalogs/{full_name}"): self.get_catalog,
            ("PATCH", "unity-catalog/catalogs/{full_name}"): self.update_catalog,
            ("DELETE", "unity-catalog/catalogs/{full_name}"): self.delete_catalog,
            ("GET", "unity-catalog/schemas"): self.list_schemas,
            ("POST", "unity-catalog/schemas"): self.create_schema,
            ("GET", "unity-catalog/schemas/{full_name}"): self.get_schema,
            ("PATCH", "unity-catalog/schemas/{full_name}"): self.update_schema,
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
            ("PATCH", "unity-catalog/volumes/{full_name}"): self.update_volume,
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
        names, following = paginate(request, sorted(self._tree.find_catalogs()), MAX_PAGE_OBJECTS)
        return {"catalogs": [self._serialize_catalog((each,)) for each in names], **following}

    def create_catalog(self, request: Request) -> Json:
        """``POST unity-catalog/catalogs``; one that the bundle names is new the first time."""
        name = _read_name(request, "name")
        details = read_object_details(request)
        is_kept = self._objects.has(_path("catalog", name))
        if is_kept or name[0] in {*BUILT_IN_CATALOGS, *self._tree.find_created_catalogs()}:
            raise already_exists(name, "Catalog")
        self._tree.run(f"CREATE CATALOG IF NOT EXISTS {quote_object(name)}")
        self._objects.create(_path("catalog", name), details)
        return self._serialize_catalog(name)

    def get_catalog(self, request: Request) -> Json:
        return self._serialize_catalog(self._require_catalog(request))

    def update_catalog(self, request: Request) -> Json:
        name = self._require_catalog(request)
        self._update("catalog", name, request)
        return self._serialize_catalog(name)

    def delete_catalog(self, request: Request) -> Json:
        """``DELETE unity-catalog/catalogs/{full_name}``; ``force`` deletes what is in it too."""
        name = self._require_catalog(request)
        schemas = self._tree.find_schemas(name[0]) - _BUILT_IN_SCHEMAS
        if schemas and not request.read_bool("force"):
            raise ApiError(
                400,
                "INVALID_STATE",
                f"Catalog '{name[0]}' is not empty. The catalog has {len(schemas)} schema(s)",
            )
        self._tree.run(f"DROP CATALOG IF EXISTS {quote_object(name)} CASCADE")
        self._remove("catalog", name)
        return {}

    def list_schemas(self, request: Request) -> Json:
        (catalog,) = _read_name(request, "catalog_name")
        found = sorted(self._tree.find_schemas(catalog))
        names, following = paginate(request, found, MAX_PAGE_OBJECTS)
        schemas = [self._serialize_schema((catalog, each)) for each in names]
        return {"schemas": schemas, **following}

    def create_schema(self, request: Request) -> Json:
        """``POST unity-catalog/schemas``; its catalog is created with it, as in SQL."""
        name = _read_name(request, "catalog_name", "name")
        details = read_object_details(request)
        if self._tree.has_catalog(name[0]) and name[1] in self._tree.find_schemas(name[0]):
            raise already_exists(name, "Schema")
        self._tree.run(f"CREATE SCHEMA {quote_object(name)}")
        self._objects.create(_path("schema", name), details)
        return self._serialize_schema(name)

    def get_schema(self, request: Request) -> Json:
        return self._serialize_schema(self._require_schema(request))

    def update_schema(self, request: Request) -> Json:
        name = self._require_schema(request)
        self._update("schema", name, request)
        return self._serialize_schema(name)

    def delete_schema(self, request: Request) -> Json:
        """``DELETE unity-catalog/schemas/{full_name}``; ``force`` deletes what is in it too."""
        name = _read_name(request, length=2)
        tables, volumes = self._tree.find_tables(name), self._tree.list_folder(*name)
        if not (tables or volumes):
            self._tree.require_schema(name)
        elif not request.read_bool("force"):
            raise ApiError(
                400,
                "INVALID_STATE",
                f"Schema '{'.'.join(name)}' is not empty. The schema has {len(tables)} table(s), 0 "
                f"function(s), {len(volumes)} volume(s)",
            )
        self._tree.run(f"DROP SCHEMA IF EXISTS {quote_object(name)} CASCADE")
        self._remove("schema", name)
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
        found = self._tree.find_tables(schema)
        if not found:
            self._tree.require_schema(schema)
        names, following = paginate(request, sorted(found), MAX_PAGE_TABLES)
        tables = [self._serialize_table((*schema, each), found[each]) for each in names]
        if tables and not request.read_bool("omit_columns"):
            self._tree.add_columns(tables)
        return {"tables": tables, **following}

    def get_table(self, request: Request) -> Json:
        table = self._require_table(request)
        self._tree.add_columns([table])
        return table

    def find_table(self, request: Request) -> Json:
        """``GET unity-catalog/tables/{full_name}/exists``."""
        *schema, table = _read_name(request, length=3)
        return {"table_exists": table in self._tree.find_tables(tuple(schema))}

    def delete_table(self, request: Request) -> Json:
        table = self._require_table(request)
        kind = "VIEW" if table["table_type"] == "VIEW" else "TABLE"
        self._tree.run(f"DROP {kind} {quote_object(name_of_object(table))}")
        return {}

    def list_volumes(self, request: Request) -> Json:
        schema = _read_name(request, "catalog_name", "schema_name", keeps_case=True)
        found = self._tree.list_folder(*schema)
        if not found:
            self._tree.require_schema((schema[0].lower(), schema[1].lower()))
        names, following = paginate(request, found, MAX_PAGE_OBJECTS)
        volumes = [self._serialize_volume((*schema, each)) for each in names]
        return {"volumes": volumes, **following}

    def create_volume(self, request: Request) -> Json:
        """``POST unity-catalog/volumes``; its schema is created with it, as by a path."""
        name = _read_name(request, "catalog_name", "schema_name", "name", keeps_case=True)
        request.require_text("volume_type")
        request.read_choice("volume_type", _VOLUME_TYPES)
        details = read_object_details(request)
        if name[2] in self._tree.list_folder(*name[:2]):
            raise already_exists(name, "Volume")
        self._volumes.make(name)
        self._objects.create(_path("volume", name), details)
        return self._serialize_volume(name)

    def read_volume(self, request: Request) -> Json:
        return self._serialize_volume(self._require_volume(request))

    def update_volume(self, request: Request) -> Json:
        name = self._require_volume(request)
        self._update("volume", name, request)
        return self._serialize_volume(name)

    def delete_volume(self, request: Request) -> Json:
        """``DELETE unity-catalog/volumes/{full_name}``, with its files."""
        self._remove("volume", self._require_volume(request))
        return {}

    def _find_object(self, request: Request) -> str:
        """Return the type and the name of an object that can be granted."""
        find: dict[str, Callable[[Request], Json]] = {
            "catalog": self.get_catalog,
            "function": self._get_model,
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

    def _get_model(self, request: Request) -> Json:
        """A registered model is granted as a function."""
        name = _read_name(request, length=3)
        if not self._objects.has(f"unity-catalog/models/{'.'.join(name)}"):
            raise does_not_exist(name, "Function")
        return serialize_object(name, self._owner)

    def _require_catalog(self, request: Request) -> Name:
        name = _read_name(request, length=1)
        if not self._tree.has_catalog(name[0]):
            raise does_not_exist(name)
        return name

    def _require_schema(self, request: Request) -> Name:
        name = _read_name(request, length=2)
        self._tree.require_schema(name)
        return name

    def _require_table(self, request: Request) -> Json:
        name = _read_name(request, length=3)
        fields = self._tree.find_tables(name[:2]).get(name[2])
        if fields is None:
            self._tree.require_schema(name[:2])
            raise does_not_exist(name, "Table")
        return self._serialize_table(name, fields)

    def _require_volume(self, request: Request) -> Name:
        name = _read_name(request, length=3, keeps_case=True)
        if name[2] not in self._tree.list_folder(*name[:2]):
            raise does_not_exist(name, "Volume")
        return name

    def _update(self, kind: str, name: Name, request: Request) -> None:
        if request.read_text("new_name") not in (None, "", name[-1]):
            raise InvalidParameterValue(
                f"The local workspace cannot rename a {kind}. Create one with the new name."
            )
        self._objects.update(_path(kind, name), read_object_details(request))

    def _remove(self, kind: str, name: Name) -> None:
        """Remove the files of an object, and what is kept about it."""
        with suppress(FileNotFoundError):
            self._volumes.remove(name, recursive=True)
        self._objects.delete(_path(kind, name))

    def _serialize_catalog(self, name: Name) -> Json:
        return self._serialize("catalog", name, catalog_type="MANAGED_CATALOG")

    def _serialize_schema(self, name: Name) -> Json:
        return self._serialize("schema", name)

    def _serialize_table(self, name: Name, fields: Json) -> Json:
        source = {} if fields["table_type"] == "VIEW" else {"data_source_format": "DELTA"}
        return serialize_object(name, self._owner, **fields, **source)

    def _serialize_volume(self, name: Name) -> Json:
        path = f"/Volumes/{'/'.join(name)}"
        return self._serialize("volume", name, volume_type="MANAGED", storage_location=path)

    def _serialize(self, kind: str, name: Name, **fields: object) -> Json:
        kept = self._objects.find(_path(kind, name))
        return {**serialize_object(name, self._owner, **fields), **(kept or {})}


def _path(kind: str, name: Name) -> str:
    """Return the key of an object among those that are kept."""
    return f"{kind}/{'.'.join(name)}"


def _read_name(request: Request, *fields: str, length: int = 0, keeps_case: bool = False) -> Name:
    """Read a name from fields with its parts, or else from its full name.

    :param length: the number of parts of the full name.
    """
    text = ".".join(map(request.require_text, fields or ["full_name"]))
    return parse_name(text if keeps_case else text.lower(), length or len(fields))
