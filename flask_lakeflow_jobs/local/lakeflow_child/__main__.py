"""The first lines of a task's process: make this folder a package of its own name, and go."""

from __future__ import annotations

import os
import sys

# Started as `python <this folder> <payload file>`: Python has put this folder itself first on the
# path.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
run = __import__("lakeflow_child.main", fromlist=["main"]).main
del sys.path[0]
run(sys.argv[1])
