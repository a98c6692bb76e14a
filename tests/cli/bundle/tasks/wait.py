"""Wait until the file that the argument names exists."""

import pathlib
import sys
import time

gate = pathlib.Path(sys.argv[1])
print("waiting")
while not gate.exists():
    time.sleep(0.01)
