"""The app's SQL database: SQLite or Postgres, through SQLAlchemy."""
