"""Bundles of other people, and small ones modelled on them, on the local workspace."""
