"""Ends of runs without a viewer: who follows the runs, what is recorded, and who is notified."""
