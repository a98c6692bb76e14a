"""Print each argument on a line."""

import sys

for argument in sys.argv[1:]:
    print(argument)
