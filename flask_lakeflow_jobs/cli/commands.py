"""``flask jobs``"""

from __future__ import annotations

from flask.cli import AppGroup

command_group = AppGroup("jobs", help="Start Lakeflow Jobs and follow their runs.")
