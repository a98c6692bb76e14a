"""A backend of Flask-Caching that stores texts, in place of pickles."""

from __future__ import annotations

import copy
from typing import IO, Any

from cachelib.serializers import BaseSerializer


class PlainTextSerializer(BaseSerializer):
    """Stores text as it is, in place of cachelib's pickles, and never reads a pickle."""

    def dumps(self, value: str, protocol: int = 0) -> bytes:
        return value.encode()

    def loads(self, bvalue: bytes | str | None) -> str | None:
        try:  # with decode_responses, redis-py returns texts
            return (bvalue.decode() if isinstance(bvalue, bytes) else bvalue) or None
        except ValueError:  # a pickle, or another thing that another program wrote
            return None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> str | None:
        return self.loads(f.read())


def copy_for_texts(backend: Any) -> Any:
    """Return a copy of a backend that stores texts. The host's own cache keeps its serializer."""
    copied = copy.copy(backend)
    if hasattr(copied, "serializer"):
        copied.serializer = PlainTextSerializer()
    if hasattr(copied, "_file_count"):  # of files
        copied.__class__ = _count_anew(type(copied))
    if hasattr(copied, "_read_client"):  # of Redis
        # Sentinel's is a replica, which may lag behind.
        copied._read_client = copied._write_client
        # Whether a deleted key is gone takes a round trip for each.
        copied.has = lambda key: False
    # A key that another process stores again at once is no failure. The second name is that of
    # Flask-Caching 2.4.
    vars(copied).update(ignore_delete_many_errors=True, ignore_errors=True)
    return copied


def _count_anew(kind: type) -> type:
    """Let a FileSystemCache count its files: the number in its folder is a pickle of the host's."""
    methods = {
        "_file_count": property(lambda self: len(list(self._list_dir()))),
        "_update_count": lambda self, *_, **__: None,
    }
    return type(kind.__name__, (kind,), methods)
