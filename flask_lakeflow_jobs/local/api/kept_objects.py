"""Fields of objects that clients created. They are kept and shown, and have no other effect."""

from __future__ import annotations

from collections.abc import Mapping

from ..store.runs import RunStore
from .serializers import Json


class KeptObjects:
    """The fields in the workspace's database, by object: its kind and its id or name, such as
    ``schema/main.sales``."""

    def __init__(self, run_store: RunStore) -> None:
        self._run_store = run_store

    def has(self, path: str) -> bool:
        return self.find(path) is not None

    def find(self, path: str) -> Json | None:
        """Return the fields of an object; ``None`` if none were kept."""
        with self._run_store.exclusive() as store:
            return store.load_objects(path).get(path)

    def find_all(self, kind: str) -> dict[str, Json]:
        """Return the fields of all objects of a kind, by their ids."""
        with self._run_store.exclusive() as store:
            found = store.load_objects(f"{kind}/")
        return {path.removeprefix(f"{kind}/"): fields for path, fields in found.items()}

    def create(self, path: str, fields: Json) -> None:
        """Keep the fields of a new object, on which nothing is granted yet."""
        with self._run_store.exclusive() as store, store.transaction():
            store.delete_object(path)
            store.save_object(path, fields)

    def update(self, path: str, changes: Mapping[str, object]) -> None:
        """Replace some fields of an object."""
        with self._run_store.exclusive() as store:
            store.save_object(path, {**(self.find(path) or {}), **changes})

    def delete(self, path: str) -> None:
        """Delete the fields of an object and what is granted on it."""
        with self._run_store.exclusive() as store, store.transaction():
            store.delete_object(path)
