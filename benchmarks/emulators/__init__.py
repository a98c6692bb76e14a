"""Emulators of a workspace that are compared: the local workspace, and those of others."""

from __future__ import annotations

from .kinds import EMULATORS, Emulator
from .process import Running, start

__all__ = ["EMULATORS", "Emulator", "Running", "start"]
