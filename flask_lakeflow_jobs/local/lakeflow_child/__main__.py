"""Entry point of a task's process: import this folder as ``lakeflow_child`` and run the task.

With ``--sail`` and a lifeline in place of a task's file, it serves Spark.
"""

from __future__ import annotations

import os
import sys

# Python put this folder first on the path: `python <this folder> <task file>`.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
module = "sail" if sys.argv[1] == "--sail" else "main"
entry = __import__(f"lakeflow_child.{module}", fromlist=[module])
del sys.path[0]
if module == "sail":
    entry.serve(int(sys.argv[2]))
else:
    entry.main(sys.argv[1])
