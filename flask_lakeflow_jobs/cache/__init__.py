"""The cache that the processes of an app share: its entries, availability and namespace."""

from .shared_cache import SharedCache, hash_json

__all__ = ["SharedCache", "hash_json"]
