"""Entry point of a task's process: import this folder as ``lakeflow_child`` and run the task."""

from __future__ import annotations

import os
import sys

# Python put this folder first on the path: `python <this folder> <task file>`.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
main = __import__("lakeflow_child.main", fromlist=["main"]).main
del sys.path[0]
main(sys.argv[1])
