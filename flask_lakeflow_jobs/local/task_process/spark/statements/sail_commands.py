"""Commands of Databricks on Sail: what it does in place of each, by the syntax of the command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from shutil import rmtree
from typing import Any, ClassVar

from ...sql_statements import NO_METRICS, describe_skipped, find_skipped
from ...sql_syntax import Match, match_syntax, replace_syntax, split_name
from ..language.sql_literals import Query, write_answer, write_text
from ..language.sql_names import (
    CATALOG_NAME,
    complete_path,
    create_schema,
    find_current,
    find_schema,
    quote_part,
)
from ..language.view_texts import read_view, recreate_view
from ..tables.delta_log import (
    EVOLVES,
    Commit,
    find_info,
    find_location,
    read_details,
    reload_table,
    restore,
)

_FEATURE = re.compile(r"(?<![\w.])delta\.(?=feature\.(?!allowColumnDefaults\b))", re.IGNORECASE)


@dataclass
class SailCommands:
    """Writes a command of Databricks as one that Sail takes.

    :param query: runs a statement of Sail.
    :param sql: runs a statement of Databricks.
    :param conf: the settings of the session.
    :param mounts: the folders of this machine by their paths in the workspace.
    :param require: makes a catalog known.
    """

    query: Query
    sql: Query
    conf: Any
    mounts: dict[str, str]
    require: Callable[[str], None]

    def rewrite(self, statement: str) -> str:
        """Return a statement that Sail takes, and that does the same as this one.

        :param statement: without comments.
        :raises ValueError: a catalog cannot have its name, or Sail has no such object.
        """
        if name := find_skipped(statement):
            return write_answer(describe_skipped(name))
        for syntax, write in self.by_syntax.items():
            if match := match_syntax(syntax, statement):
                statement = write(self, match)
        return statement

    def skip(self, match: Match) -> str:
        return write_answer(describe_skipped(" ".join(match["what"].upper().split())))

    def drop_features(self, match: Match) -> str:
        """Sail refuses features that it does not know, and adds by itself what a table needs."""
        return _FEATURE.sub("", match.string)

    def use_delta(self, match: Match) -> str:
        """Write a table of Iceberg as one of Delta: Sail cannot read it in the next run."""
        return f"{match.string[: match.start('kind')]}DELTA{match.string[match.end('kind') :]}"

    def drop_schedule(self, match: Match) -> str:
        """Leave out when it is refreshed, since each run creates it."""
        return match.string[: match.start("schedule")] + match.string[match.end() :]

    def create_whole(self, match: Match) -> str:
        """Create a streaming table or a materialized view whole, since Sail has none of them."""
        query = replace_syntax(
            r"<word: FROM | JOIN> STREAM (<name> | \( <table> \))",
            match.string[match.end() :],
            lambda stream: f"{stream['word']} {stream['name'] or stream['table']}",
        )
        return f"CREATE OR REPLACE {match['kind']} {query}"

    def clone_table(self, match: Match) -> str:
        return f"{match.string[: match.end('name')]} AS SELECT * FROM {match['source']}"

    def replace_view(self, match: Match) -> str:
        return f"CREATE OR REPLACE VIEW {match['name']} AS {match.string[match.end() :]}"

    def rename_table(self, match: Match) -> str:
        """Register a table or a view by another name: its files stay.

        :raises ValueError: the name is taken, or that of a table in another schema.
        """
        *schema, table = complete_path(split_name(match["name"]), 3, self.query)
        *other, name = split_name(match["new"])
        if other and [each.lower() for each in complete_path(other, 2, self.query)] != schema:
            raise ValueError(
                f"A table keeps its schema when it is renamed. Write CREATE TABLE {match['new']} "
                f"AS SELECT * FROM {match['name']}, then DROP TABLE {match['name']}."
            )
        old, new = (".".join(map(quote_part, [*schema, each])) for each in (table, name))
        if _find_type(new, self.query):
            raise ValueError(
                f"[TABLE_OR_VIEW_ALREADY_EXISTS] {match['new']} exists already. Drop it first, or "
                "choose another name."
            )
        details = read_details(self.query, old)
        if details.get("Type") == "VIEW":
            columns = self.query(f"SELECT * FROM {old}").columns
            path = ".".join([*schema, name])
            self.query(recreate_view(path, columns, read_view(details["View Text"])))
            return f"DROP VIEW {old}"
        location = find_location(self.query, old)
        self.query(f"CREATE TABLE {new} USING delta LOCATION {write_text(location)}")
        return f"DROP TABLE {old}"

    def drop_view(self, match: Match) -> str:
        return match.string[: match.start("kind")] + match.string[match.end("kind") :]

    def refuse_metrics(self, match: Match) -> str:
        raise ValueError(NO_METRICS.format("Sail"))

    def create_schema_of(self, match: Match) -> str:
        create_schema(find_schema(match["name"]), self.sql)
        return match.string

    def leave_table(self, match: Match) -> str:
        """Leave it to ``COPY INTO`` or a frame, which give the table its columns."""
        return write_answer("The first rows give the table its columns.")

    def qualify_view(self, match: Match) -> str:
        """Name the catalogs and the schemas of the tables in the text of a new view.

        :raises ValueError: there is a table of its name, which Sail would keep without an error.
        """
        if _find_type(name := match["name"], self.query) in ("EXTERNAL", "MANAGED"):
            raise ValueError(
                f"[TABLE_OR_VIEW_ALREADY_EXISTS] {name} is a table already. Drop it first, with "
                f"DROP TABLE {name}, or give the view another name."
            )
        from .query_tables import qualify  # sqlglot takes long to import

        return qualify(match.string, *find_current(self.query))

    def require_catalog(self, match: Match) -> str:
        """Leave out where a new schema is stored, which changes no result."""
        if len(schema := split_name(match["name"])) > 1:
            self.require(schema[0].lower())
        return match.string[: match.start("clause")] if match["clause"] else match.string

    def change_catalog(self, match: Match) -> str:
        """Create or use a catalog."""
        name = str(match["name"] or match["text"]).strip("`")
        is_new = match["verb"].upper() == "CREATE"
        if is_new and not CATALOG_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name of a catalog in the local workspace. Write only letters, "
                "digits, '_' and '-' in it."
            )
        self.require(name.lower())
        if is_new:
            return write_answer(f"The catalog {name} exists.")
        used = f"USE CATALOG {quote_part(name)}"
        if name.lower() == "system":  # which has no schema default
            return used
        create_schema([name, "default"], self.query)  # it may have been dropped
        self.query(used).collect()
        return "USE SCHEMA default"  # Sail keeps the schema of the catalog before

    def drop_catalog(self, match: Match) -> str:
        """Drop what a catalog contains: here, every name is that of a catalog.

        :raises ValueError: it has schemas, and there is no ``CASCADE``.
        """
        name = split_name(match["name"])[0]
        self.require(name.lower())
        schemas = [row[0] for row in self.sql(f"SHOW SCHEMAS IN {quote_part(name)}").collect()]
        if not match["clause"] and (kept := [each for each in schemas if each != "default"]):
            raise ValueError(
                f"Write CASCADE to drop the catalog {name} with its schemas: {', '.join(kept)}."
            )
        for each in schemas:
            self.sql(f"DROP SCHEMA {quote_part(name)}.{quote_part(each)} CASCADE").collect()
        return write_answer(f"The catalog {name} is removed.")

    def use_schema(self, match: Match) -> str:
        """Use it after its catalog: Sail takes no name of two parts."""
        *catalog, schema = split_name(match["name"])
        create_schema([*catalog, schema], self.sql)
        if catalog:
            self.query(f"USE CATALOG {quote_part(catalog[0])}").collect()
        return f"USE SCHEMA {quote_part(schema)}"

    def change_volume(self, match: Match) -> str:
        """Create or drop the folder of a volume.

        :raises ValueError: its name would be another folder.
        """
        path = complete_path(split_name(match["name"]), 3, self.query)
        if len(path) > 3 or any(os.sep in each or each in (".", "..") for each in path):
            raise ValueError(
                f"{match['name']} is no name of a volume. Write catalog.schema.volume."
            )
        folder = os.path.join(self.mounts["/Volumes"], *path)
        if match["verb"].upper() == "CREATE":
            os.makedirs(folder, exist_ok=True)
            return write_answer(f"The volume {match['name']} exists.")
        rmtree(folder, ignore_errors=True)
        return write_answer(f"The volume {match['name']} is removed.")

    def change_setting(self, match: Match) -> str:
        key, value = match["name"], match["rest"]
        if not key.lower().startswith(("spark.", "delta.")):
            return match.string
        if value is not None:
            self.conf.set(key, value.strip("'\""))
        value = self.conf.get(key, "<undefined>")
        return f"SELECT {write_text(key)} AS key, {write_text(value)} AS value"

    def evolve_table(self, match: Match) -> str:
        if self.conf.get(EVOLVES, "false") != "true":
            return match.string
        return f"MERGE WITH SCHEMA EVOLUTION INTO {match.string[match.end() :]}"

    def restore_table(self, match: Match) -> str:
        table, is_version = match["name"], match["kind"].upper() == "VERSION"
        value = match["rest"] if is_version else f"unix_millis(CAST({match['rest']} AS TIMESTAMP))"
        wanted = int(self.query(f"SELECT {value}").first()[0])

        def is_wanted(commit: Commit) -> bool:
            version, actions = commit
            return version == wanted if is_version else find_info(actions)["timestamp"] <= wanted

        if restore(find_location(self.query, table), table, is_wanted):
            reload_table(self.query, table)
        return write_answer("The table is restored.")

    #: What writes a command, by its syntax. Of several that match, each writes the result of the
    #: one before.
    by_syntax: ClassVar[dict[str, Callable[[SailCommands, Match], str]]] = {
        "<what: ALTER CATALOG | ALTER DATABASE | ALTER SCHEMA | ALTER VOLUME>": skip,
        "<what: ALTER MATERIALIZED VIEW | ALTER STREAMING TABLE>": skip,
        "ALTER … <what: DROP MASK | ROW FILTER | SET MASK>": skip,
        "(CREATE [OR REPLACE] | DROP) <what: POLICY | GOVERNED TAG>": skip,
        "<what: COMMENT ON | SET TIME ZONE | SET TIMEZONE>": skip,
        "(ALTER | CREATE)": drop_features,
        "CREATE [OR REPLACE] [EXTERNAL] TABLE … USING <kind: ICEBERG>": use_delta,
        "CREATE [OR (REFRESH | REPLACE)] (MATERIALIZED | STREAMING) (TABLE | VIEW) …"
        " <schedule>": drop_schedule,
        "CREATE [OR (REFRESH | REPLACE)] (MATERIALIZED | STREAMING) <kind: TABLE | VIEW>"
        " [IF NOT EXISTS]": create_whole,
        "CREATE [OR REPLACE] TABLE [IF NOT EXISTS] <name> [DEEP | SHALLOW] CLONE"
        " <source>": clone_table,
        "CREATE [OR REPLACE] VIEW … WITH METRICS": refuse_metrics,
        "CREATE [OR REPLACE] [EXTERNAL] (TABLE | VIEW) [IF NOT EXISTS] <name>": create_schema_of,
        r"CREATE [OR REPLACE] TABLE [IF NOT EXISTS] <name> [USING DELTA] [COMMENT <text>]"
        r" [TBLPROPERTIES \( … \)] $": leave_table,
        "ALTER (TABLE | VIEW) <name> RENAME TO <new>": rename_table,
        "ALTER VIEW <name> AS": replace_view,
        "DROP <kind: MATERIALIZED> VIEW": drop_view,
        "CREATE [OR REPLACE] VIEW [IF NOT EXISTS] <name>": qualify_view,
        "CREATE (SCHEMA | DATABASE) [IF NOT EXISTS] <name> [COMMENT <text>]"
        " [<clause: DEFAULT | MANAGED>]": require_catalog,
        "USE [SCHEMA | DATABASE] <name> $": use_schema,
        "<verb: CREATE | SET | USE> CATALOG [IF NOT EXISTS] (<name> | <text>)": change_catalog,
        "DROP CATALOG [IF EXISTS] <name> [RESTRICT] [<clause: CASCADE>]": drop_catalog,
        "<verb: CREATE | DROP> [EXTERNAL] VOLUME [IF [NOT] EXISTS] <name>": change_volume,
        "SET <name> [= <rest>] $": change_setting,
        "MERGE INTO": evolve_table,
        "RESTORE [TABLE] <name> [TO] <kind: VERSION | TIMESTAMP> AS OF <rest>": restore_table,
    }


def _find_type(name: str, query: Query) -> str | None:
    """Return ``VIEW`` or the type of a table; ``None`` if there is nothing of this name."""
    try:
        return read_details(query, name).get("Type")
    except Exception:
        return None
