"""A dbt project in a bundle."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.local.conftest import serve as serve


@pytest.fixture(scope="session", autouse=True)
def _skip_without_dbt() -> None:
    if "CI" not in os.environ:
        pytest.importorskip("dbt.adapters.duckdb")


PROFILES = """
    shop:
      target: dev
      outputs:
        dev:
          type: databricks
          catalog: main
          schema: "{{ var('dev_schema', 'default') }}"
          host: "{{ env_var('DBT_HOST') }}"
          token: "{{ env_var('DBT_ACCESS_TOKEN') }}"
          http_path: /sql/1.0/warehouses/abc
        lake:
          type: databricks
          catalog: lake
          schema: gold
          host: nowhere
    """
FILES = {
    "dbt/dbt_project.yml": """
        name: shop
        version: 1.0.0
        profile: shop
        on-run-end: ["GRANT SELECT ON SCHEMA x TO `all users`"]
        models:
          shop:
            +materialized: view
            +file_format: delta
        """,
    "dbt/profiles/profiles.yml": PROFILES,
    "dbt/seeds/prices.csv": "item,price\ntea,2\ncake,3\n",
    "dbt/models/schema.yml": """
        version: 2
        sources:
          - name: raw
            database: main
            schema: raw
            tables: [{name: orders}]
        models:
          - name: sold
            columns:
              - name: item
                data_tests: [unique, not_null]
          - name: shares
            config: {contract: {enforced: true}}
            columns:
              - {name: item, data_type: string, constraints: [{type: not_null}]}
              - {name: share, data_type: decimal}
              - {name: made, data_type: timestamp}
        """,
    "dbt/models/shares.sql": """
        {{ config(materialized='table') }}
        select item, cast(price / 16 as decimal(9, 4)) as share, current_timestamp() as made
        from {{ ref('prices') }}
        """,
    "dbt/models/numbered.sql": """
        {{ config(materialized='ephemeral') }}
        select id, `item`, "a 'text'" as note from {{ source('raw', 'orders') }}
        """,
    "dbt/models/sold.sql": """
        {{ config(materialized='table', post_hook='OPTIMIZE {{ this }}') }}
        select item, size(collect_list(id)) as orders, max(note) as note
        from {{ ref('numbered') }} group by item
        """,
    "dbt/models/worth.sql": """
        {{ config(materialized='materialized_view') }}
        select s.item, s.orders * p.price as worth
        from {{ ref('sold') }} s join {{ ref('prices') }} p using (item)
        """,
    "dbt/models/daily.sql": """
        {{ config(materialized='streaming_table') }}
        select date_add(date '2025-01-31', 1) as day,
          nvl(null, {{ adapter.dispatch('one')() }}) as n
        """,
    "dbt/models/elsewhere.sql": """
        {{ config(materialized='table', database='archive') }} select 1 as one
        """,
    "dbt/models/all_orders.sql": """
        {{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
        select id, item from {{ source('raw', 'orders') }}
        {% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}
        """,
    "dbt/macros/one.sql": """
        {% macro default__one() %} 0 {% endmacro %}
        {% macro databricks__one() %} 1 {% endmacro %}
        """,
    "dbt/snapshots/items.sql": """
        {% snapshot items %}
        {{ config(unique_key='item', strategy='check', check_cols=['orders'],
                  target_schema=target.schema) }}
        select * from {{ ref('sold') }}
        {% endsnapshot %}
        """,
    "raw.sql": """
        CREATE OR REPLACE TABLE raw.orders AS
        SELECT id, if(id = 2, 'cake', 'tea') AS item FROM range(3)
        """,
    "read.sql": """
        SELECT item, worth, share, day, n, note
        FROM ann.worth JOIN ann.sold USING (item) JOIN ann.shares USING (item), ann.daily,
          archive.ann.elsewhere
        ORDER BY worth
        """,
}


def dbt_task(key: str, *commands: str, **more: Any) -> dict[str, Any]:
    """Return a ``dbt_task`` of the project in the folder ``dbt``."""
    body = {
        "project_directory": "dbt",
        "profiles_directory": "profiles",
        "commands": list(commands),
        **more.pop("body", {}),
    }
    return {"task_key": key, "dbt_task": body, **more}


def sql_task(key: str, path: str, **more: Any) -> dict[str, Any]:
    """Return a ``sql_task``."""
    return {"task_key": key, "sql_task": {"warehouse_id": "any", "file": {"path": path}}, **more}


@pytest.fixture(autouse=True)
def _long_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for tasks that import dbt, which takes many seconds on a busy machine."""
    monkeypatch.setattr("tests.support.DEADLINE", 1200.0)
