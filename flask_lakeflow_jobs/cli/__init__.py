"""The command line interface: ``flask jobs``."""

from .group import command_group

__all__ = ["command_group"]
