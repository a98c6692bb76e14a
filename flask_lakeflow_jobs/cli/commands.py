"""All commands of ``flask jobs``: importing this adds them to the group."""

from __future__ import annotations

from . import reading, running  # noqa: F401
from .doctor import doctor
from .group import command_group
from .workspace import local

command_group.add_command(doctor)
command_group.add_command(local)
