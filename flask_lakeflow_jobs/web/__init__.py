"""The HTTP interface: the routes, their requests and responses, and event streams."""
