"""Creates, fills, reads and describes a table with SQLAlchemy, and prints what it found."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Numeric, String, Table, create_engine, inspect

URL = (
    "databricks://token:@localhost?http_path=/sql/1.0/warehouses/10ca10ca10ca10ca"
    "&catalog=main&schema=shop"
)


def main() -> dict[str, Any]:
    engine = create_engine(
        URL,
        connect_args={
            "server_hostname": os.environ["DATABRICKS_HOST"],
            "access_token": os.environ["DATABRICKS_TOKEN"],
            "use_kernel": True,
        },
    )
    columns = (
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String),
        Column("price", Numeric(9, 2)),
    )
    goods = Table("goods", MetaData(), *columns)
    goods.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(goods.insert().values(id=1, name="it's", price=2.5))
        found = connection.execute(goods.select().where(goods.c.name == "it's")).all()
    inspector = inspect(engine)
    return {
        "rows": [[number, name, str(price)] for number, name, price in found],
        "tables": inspector.get_table_names(),
        "has_table": [inspector.has_table("goods"), inspector.has_table("nowhere")],
        "columns": [[each["name"], str(each["type"])] for each in inspector.get_columns("goods")],
    }


print(json.dumps(main()))
