"""Say which day's rows are taken."""

import sys

print(f"extracted {sys.argv[1]}")
