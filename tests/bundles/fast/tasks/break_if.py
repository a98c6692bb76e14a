"""Fails where it is told to."""

import sys

if sys.argv[1] == "broken":
    raise ValueError("this one is leaking")
