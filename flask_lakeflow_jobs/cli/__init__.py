"""The command line face: what is typed to calls on handles, what they give to text."""

from .group import command_group

__all__ = ["command_group"]
