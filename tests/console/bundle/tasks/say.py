"""Says what it was told, one line an argument."""

import sys

for argument in sys.argv[1:]:
    print(argument)
