"""The only room that knows the Databricks SDK. Importing it costs a second; so it comes late."""

from .gateway import Upstream

__all__ = ["Upstream"]
