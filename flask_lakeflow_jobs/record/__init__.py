"""The record of runs and actions in a database. Only apps that configure one import SQLAlchemy."""
