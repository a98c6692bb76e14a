"""The texts of views, which Sail keeps without the quotes of their names.

Sail reads the text whenever the view is read, and fails at a name such as ``my column``, at a
catalog such as ``my-catalog`` and at the path of a folder. The name of a column is kept letter by
letter, though. So a named query that is not read has a column whose name is the rest of the text,
with its quotes. Its end makes a comment of what follows::

    WITH held AS (SELECT 1 AS `held) SELECT * FROM (<query>) -- …`) SELECT * FROM (<query>)
"""

from __future__ import annotations

from .sql_names import quote_name, quote_part

_BEGIN = "held) SELECT * FROM ("
_END = ") -- end of the view"


def hold_query(query: str) -> str:
    """Return a query that Sail keeps with its quotes.

    :param query: in one line.
    """
    if "`" not in query:
        return query
    name = quote_part(f"{_BEGIN}{query}{_END}")
    return f"WITH held AS (SELECT 1 AS {name}) SELECT * FROM ({query})"


def read_view(kept: str) -> str:
    """Return the query of a view from the text that Sail has kept."""
    _, begin, rest = kept.partition(_BEGIN)
    query, end, _ = rest.partition(_END)
    return query if begin and end else kept.rstrip()


def recreate_view(name: str, columns: list[str], text: str) -> str:
    """Return the statement that creates a view of which the text is kept.

    :param columns: their names; none for those of the query.
    :param text: as ``read_view`` returns it.
    """
    listed = f" ({', '.join(map(quote_part, columns))})" if columns else ""
    return f"CREATE OR REPLACE VIEW {quote_name(name)}{listed} AS {hold_query(text)}"
