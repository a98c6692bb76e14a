"""The command line face."""

from .commands import command_group

__all__ = ["command_group"]
