"""Statements that are compiled once."""

from __future__ import annotations

import sqlalchemy as sa

from flask_lakeflow_jobs.record.schema import leases
from flask_lakeflow_jobs.record.statements import MakeInsert, PreparedStatement
from flask_lakeflow_jobs.record.store import Record


def test_prepared_statement_is_built_once_and_executed_with_its_parameters(record: Record) -> None:
    record.check_schema()
    built = []

    def build(insert: MakeInsert) -> sa.Insert:
        built.append(insert)
        return insert(leases).values(expires_at=5).on_conflict_do_nothing().returning(leases.c.name)

    statement = PreparedStatement(build, ["name", "holder"])
    with record.database.write() as connection:
        rows = [
            statement.execute(connection, name=name, holder="100 %s :x").all()
            for name in ("a", "b", "a")
        ]
        stored = connection.execute(sa.select(leases).order_by(leases.c.name)).all()
    assert rows == [[("a",)], [("b",)], []]
    assert [tuple(row) for row in stored] == [("a", "100 %s :x", 5), ("b", "100 %s :x", 5)]
    assert len(built) == 1
