"""A workspace whose runs end and whose calls fail on command, and that counts requests.

It is no Databricks: it knows as much of the Jobs API as the measured clients ask for, in one light
process, so that what is measured is them.
"""

from .process import Workspace

__all__ = ["Workspace"]
