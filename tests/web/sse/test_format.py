"""The wire format, read back by a parser that follows the specification to the letter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.web.sse.format import (
    HEADERS,
    HEARTBEAT_COMMENT,
    format_event,
    format_retry,
)
from tests.sse_client import Event, SseParser

#: Line ends for str.splitlines(), but not in an event stream.
OTHER_SEPARATORS = "\u2028\u2029\x0b\x0c\x1c\x1d\x1e\x85"

hostile = st.text(
    st.one_of(
        st.sampled_from(f"\r\n:\0\ufeff {OTHER_SEPARATORS}"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=30,
)
one_line = hostile.map(lambda text: re.sub(r"[\r\n\0]", "", text))


def read(*chunks: bytes) -> list[Event]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    assert not parser.is_incomplete
    return events


def normalized(text: str) -> str:
    """Replace line ends as the format does."""
    return re.sub(r"\r\n|\r", "\n", text)


@given(data=hostile, name=st.one_of(st.none(), one_line), id=st.one_of(st.none(), one_line))
def test_format_event_round_trips_any_text(data: str, name: str | None, id: str | None) -> None:  # noqa: A002
    [event] = read(format_event(data, name=name, id=id))
    assert event.data == normalized(data)
    assert event.name == (name or "message")
    assert event.own_id == id


@given(st.lists(st.tuples(hostile, st.one_of(st.none(), one_line)), max_size=4))
def test_events_parse_the_same_when_cut_at_every_byte(events: list[tuple[str, str | None]]) -> None:
    wire = b"".join(format_event(data, id=id_) + HEARTBEAT_COMMENT for data, id_ in events)
    whole = read(wire)
    by_bytes = read(*(wire[at : at + 1] for at in range(len(wire))))
    assert whole == by_bytes
    assert [(event.data, event.own_id) for event in whole] == [
        (normalized(data), id_) for data, id_ in events
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_format_event_data_cannot_inject_fields_or_events(line_end: str) -> None:
    attack = f"x{line_end}id: 9{line_end}event: end{line_end}retry: 1{line_end}{line_end}data: y"
    parser = SseParser()
    [event] = parser.feed(format_event(attack, id="1"))
    assert (event.name, event.own_id, parser.retry) == ("message", "1", None)


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\r\nb", "\n", "a\0b"])
def test_format_event_name_or_id_with_line_end_or_nul_raises(bad: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        format_event("data", id=bad)
    with pytest.raises(ValueError, match="one line"):
        format_event("data", name=bad)


def test_heartbeat_is_a_comment_and_keeps_the_last_id() -> None:
    parser = SseParser()
    [event] = parser.feed(format_event("a", id="7") + HEARTBEAT_COMMENT + HEARTBEAT_COMMENT)
    assert parser.comments
    assert (event.last_id, parser.last_id) == ("7", "7")


def test_event_without_id_keeps_the_last_id() -> None:
    first, second = read(format_event("a", id="7") + format_event("b", name="stale"))
    assert (first.last_id, second.last_id, second.own_id) == ("7", "7", None)


@pytest.mark.parametrize("milliseconds", [0, 500, 5_000])
def test_format_retry_sets_the_delay_without_an_event(milliseconds: int) -> None:
    parser = SseParser()
    assert parser.feed(format_retry(milliseconds)) == []
    assert parser.retry == milliseconds


def test_only_events_end_with_an_empty_line() -> None:
    """At each empty line, httpx-sse and fetch-event-source call the app, without data or not."""
    stream = format_retry(1) + HEARTBEAT_COMMENT + format_event("a") + HEARTBEAT_COMMENT
    assert stream.split(b"\n\n") == [
        format_retry(1) + HEARTBEAT_COMMENT + b"data: a",
        HEARTBEAT_COMMENT,
    ]
    [event] = SseParser().feed(stream)
    assert event.data == "a"


def test_no_message_starts_with_a_byte_order_mark() -> None:
    for wire in (format_event("a"), format_retry(1), HEARTBEAT_COMMENT):
        assert not wire.startswith(b"\xef\xbb\xbf")


def test_headers_disable_buffering_and_are_not_hop_by_hop() -> None:
    assert "no-transform" in HEADERS["Cache-Control"]
    assert HEADERS["X-Accel-Buffering"] == "no"
    assert not {"Connection", "Content-Length", "Content-Encoding"} & set(HEADERS)
