"""The cache that the processes of an app share: its entries, availability and namespace."""

from .backend import create_backend
from .shared_cache import SharedCache, hash_json

__all__ = ["SharedCache", "create_backend", "hash_json"]
