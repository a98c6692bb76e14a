"""The tables of ``samples.tpch``: orders of parts, as the benchmark TPC-H has them. Pure.

Here, they are made up, always the same, and about a thousandth of its scale factor 1. Names, types
and the keys between them are those of Databricks.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
# One of each region in turn.
_NATIONS = (
    *("ALGERIA", "ARGENTINA", "INDIA", "FRANCE", "EGYPT"),
    *("ETHIOPIA", "BRAZIL", "INDONESIA", "GERMANY", "IRAN"),
    *("KENYA", "CANADA", "JAPAN", "ROMANIA", "IRAQ"),
    *("MOROCCO", "PERU", "CHINA", "RUSSIA", "JORDAN"),
    *("MOZAMBIQUE", "UNITED STATES", "VIETNAM", "UNITED KINGDOM", "SAUDI ARABIA"),
)
_SEGMENTS = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
_PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
_MODES = ("AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK")
_INSTRUCTIONS = ("COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN")
_CONTAINERS = ("JUMBO PKG", "LG CASE", "MED BOX", "SM CAN", "WRAP JAR")
_TYPES = ("ECONOMY BRUSHED STEEL", "PROMO PLATED TIN", "STANDARD POLISHED BRASS")

_SUPPLIERS, _PARTS, _CUSTOMERS, _ORDERS, _LINES = 10, 200, 150, 1500, 4
# Orders of 1992 to 1998; what was shipped before this day has arrived.
_DAYS, _TODAY = 2406, 1263


def build_tpch(add_days: Callable[[str], str], rows: str) -> dict[str, str]:
    """Return the query of each table by its name.

    :param add_days: returns the expression for a number of days after 1992-01-01.
    :param rows: what follows ``range(…)``, so that its column is ``id``.
    """
    ordered = f"(o * 1217 % {_DAYS})"
    shipped = f"({ordered} + 1 + id * 37 % 121)"
    nation, part = "id * 7 % 25", f"(id * 13 % {_PARTS})"
    tables: dict[str, tuple[int, dict[str, str]]] = {
        "region": (len(_REGIONS), {"regionkey": "id", "name": _pick(_REGIONS)}),
        "nation": (
            len(_NATIONS),
            {
                "nationkey": "id",
                "name": _pick(_NATIONS),
                "regionkey": f"id % {len(_REGIONS)}",
            },
        ),
        "supplier": (
            _SUPPLIERS,
            {
                "suppkey": "id + 1",
                "name": _number("Supplier", "id + 1"),
                "address": _number("Street", "id * 31 % 97"),
                "nationkey": nation,
                "phone": _phone(nation),
                "acctbal": _money("id * 7919 % 9000"),
            },
        ),
        "customer": (
            _CUSTOMERS,
            {
                "custkey": "id + 1",
                "name": _number("Customer", "id + 1"),
                "address": _number("Street", "id * 31 % 977"),
                "nationkey": nation,
                "phone": _phone(nation),
                "acctbal": _money("id * 7919 % 10999 - 999"),
                "mktsegment": _pick(_SEGMENTS, "id * 3"),
            },
        ),
        "part": (
            _PARTS,
            {
                "partkey": "id + 1",
                "name": _number("Part", "id + 1"),
                "mfgr": _number("Manufacturer", "1 + id % 5", 1),
                "brand": _number("Brand", "11 + id % 5 * 10 + id % 3", 2),
                "type": _pick(_TYPES),
                "size": "CAST(1 + id * 7 % 50 AS INT)",
                "container": _pick(_CONTAINERS, "id * 2"),
                "retailprice": _price("id"),
            },
        ),
        "partsupp": (
            _PARTS * 4,
            {
                "partkey": f"1 + id % {_PARTS}",
                "suppkey": _supplier(f"id % {_PARTS}", f"floor(id / {_PARTS}.0)"),
                "availqty": "CAST(1 + id * 97 % 9999 AS INT)",
                "supplycost": _money("1 + id * 71 % 999"),
            },
        ),
        "orders": (
            _ORDERS,
            {
                "orderkey": "o + 1",
                "custkey": f"1 + o * 11 % {_CUSTOMERS}",
                "orderstatus": (
                    f"CASE WHEN {ordered} < {_TODAY} - 121 THEN 'F' "
                    f"WHEN {ordered} < {_TODAY} THEN 'P' ELSE 'O' END"
                ),
                "totalprice": _money("1000 + o * 7919 % 300000"),
                "orderdate": add_days(ordered),
                "orderpriority": _pick(_PRIORITIES, "o"),
                "clerk": _number("Clerk", "1 + o % 10"),
                "shippriority": "CAST(0 AS INT)",
            },
        ),
        "lineitem": (
            _ORDERS * _LINES,
            {
                "orderkey": "o + 1",
                "partkey": f"1 + {part}",
                "suppkey": _supplier(part, "id % 4"),
                "linenumber": f"CAST(1 + id % {_LINES} AS INT)",
                "quantity": _money("q"),
                "extendedprice": _money(f"q * {_price(part)}"),
                "discount": _money("id % 11 / 100.0"),
                "tax": _money("id % 9 / 100.0"),
                "returnflag": (
                    f"CASE WHEN {shipped} + 15 > {_TODAY} THEN 'N' "
                    "WHEN id % 2 = 0 THEN 'A' ELSE 'R' END"
                ),
                "linestatus": f"CASE WHEN {shipped} > {_TODAY} THEN 'O' ELSE 'F' END",
                "shipdate": add_days(shipped),
                "commitdate": add_days(f"{ordered} + 30 + id * 17 % 61"),
                "receiptdate": add_days(f"{shipped} + 1 + id % 30"),
                "shipinstruct": _pick(_INSTRUCTIONS, "id * 3"),
                "shipmode": _pick(_MODES, "id * 5"),
            },
        ),
    }
    return {
        f"samples.tpch.{name}": _build_query(name, columns, count, rows)
        for name, (count, columns) in tables.items()
    }


def _build_query(name: str, columns: dict[str, str], count: int, rows: str) -> str:
    prefix = "ps" if name == "partsupp" else name[0]
    selected = ", ".join(f"{value} AS {prefix}_{column}" for column, value in columns.items())
    # o is the number of the order, which has several lines, and q is the quantity of a line.
    order = f"CAST(floor(id / {_LINES}.0) AS BIGINT)" if name == "lineitem" else "id"
    return (
        f"SELECT {selected}, 'made up' AS {prefix}_comment "  # noqa: S608 (constant)
        f"FROM (SELECT id, {order} AS o, 1 + id * 29 % 50 AS q "
        f"FROM (SELECT CAST(id AS BIGINT) AS id FROM range({count}) {rows}))"
    )


def _pick(names: tuple[str, ...], number: str = "id") -> str:
    choices = " ".join(f"WHEN {index} THEN '{name}'" for index, name in enumerate(names))
    return f"CASE {number} % {len(names)} {choices} END"


def _number(name: str, number: str, digits: int = 9) -> str:
    return f"concat('{name}#', lpad(CAST({number} AS STRING), {digits}, '0'))"


def _phone(nation: str) -> str:
    return (
        f"concat(CAST(10 + {nation} AS STRING), '-', "
        "lpad(CAST(100000 + id * 7919 % 899999 AS STRING), 6, '0'))"
    )


def _money(number: str) -> str:
    return f"CAST({number} AS DECIMAL(18, 2))"


def _price(part: str) -> str:
    return f"CAST(900 + {part} % 1000 / 10.0 AS DECIMAL(18, 2))"


def _supplier(part: str, turn: str) -> str:
    """Return one of the four suppliers of a part, which all are different."""
    return f"CAST(1 + ({part} + {turn} * 3) % {_SUPPLIERS} AS BIGINT)"
