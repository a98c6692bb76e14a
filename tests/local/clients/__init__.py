"""Clients that other people wrote against the real service, each in an environment of its own.

``python -m tests.local.clients`` installs and runs all of them, ``… airflow appkit`` some.
"""
