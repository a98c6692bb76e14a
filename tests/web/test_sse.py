"""The wire format, read back by a parser that goes by the letter of the specification."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.web.sse.format import HEADERS, HEARTBEAT, format_event, format_retry
from tests.sse_client import Event, SseParser

#: Characters that str.splitlines() takes for line ends and that event streams do not.
NO_LINE_ENDS = "\u2028\u2029\x0b\x0c\x1c\x1d\x1e\x85"

hostile = st.text(
    st.one_of(
        st.sampled_from(f"\r\n:\0\ufeff {NO_LINE_ENDS}"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=30,
)
one_line = hostile.map(lambda text: re.sub(r"[\r\n\0]", "", text))


def read(*chunks: bytes) -> list[Event]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    assert not parser.is_in_the_middle
    return events


def normalized(text: str) -> str:
    """What any text with line ends becomes by the format itself."""
    return re.sub(r"\r\n|\r", "\n", text)


@given(data=hostile, name=st.one_of(st.none(), one_line), id=st.one_of(st.none(), one_line))
def test_an_event_arrives_as_it_was_sent(data: str, name: str | None, id: str | None) -> None:  # noqa: A002
    [event] = read(format_event(data, name=name, id=id))
    assert event.data == normalized(data)
    assert event.name == (name or "message")
    assert event.own_id == id


@given(st.lists(st.tuples(hostile, st.one_of(st.none(), one_line)), max_size=4))
def test_a_stream_survives_being_cut_at_every_byte(events: list[tuple[str, str | None]]) -> None:
    wire = b"".join(format_event(data, id=id_) + HEARTBEAT for data, id_ in events)
    whole = read(wire)
    by_bytes = read(*(wire[at : at + 1] for at in range(len(wire))))
    assert whole == by_bytes
    assert [(event.data, event.own_id) for event in whole] == [
        (normalized(data), id_) for data, id_ in events
    ]


@pytest.mark.parametrize("character", NO_LINE_ENDS)
def test_what_only_looks_like_a_line_end_stays_in_the_data(character: str) -> None:
    [event] = read(format_event(f"a{character}b"))
    assert event.data == f"a{character}b"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", ""),
        ("\n", "\n"),
        (" leading space", " leading space"),
        ("a\rb\nc\r\nd", "a\nb\nc\nd"),
        ("end\n", "end\n"),
        ("\ufeff", "\ufeff"),
        ("event: error", "event: error"),
    ],
)
def test_data_keeps_its_lines(data: str, expected: str) -> None:
    assert [event.data for event in read(format_event(data))] == [expected]


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_data_cannot_become_another_field_or_event(line_end: str) -> None:
    attack = f"x{line_end}id: 9{line_end}event: end{line_end}retry: 1{line_end}{line_end}data: y"
    parser = SseParser()
    [event] = parser.feed(format_event(attack, id="1"))
    assert (event.name, event.own_id, parser.retry) == ("message", "1", None)


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\r\nb", "\n", "a\0b"])
def test_a_name_or_id_that_would_break_the_format_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        format_event("data", id=bad)
    with pytest.raises(ValueError, match="one line"):
        format_event("data", name=bad)


def test_a_heartbeat_is_a_comment_that_moves_nothing() -> None:
    parser = SseParser()
    [event] = parser.feed(format_event("a", id="7") + HEARTBEAT + HEARTBEAT)
    assert parser.comments
    assert (event.last_id, parser.last_id) == ("7", "7")


def test_an_id_stays_until_the_next() -> None:
    first, second = read(format_event("a", id="7") + format_event("b", name="stale"))
    assert (first.last_id, second.last_id, second.own_id) == ("7", "7", None)


@pytest.mark.parametrize("milliseconds", [0, 500, 5_000])
def test_how_long_to_wait_is_digits_and_no_event(milliseconds: int) -> None:
    parser = SseParser()
    assert parser.feed(format_retry(milliseconds)) == []
    assert parser.retry == milliseconds


def test_a_stream_starts_without_a_byte_order_mark() -> None:
    for wire in (format_event("a"), format_retry(1), HEARTBEAT):
        assert not wire.startswith(b"\xef\xbb\xbf")


def test_no_proxy_may_buffer_or_change_a_stream_and_no_header_is_hop_by_hop() -> None:
    assert "no-transform" in HEADERS["Cache-Control"]
    assert HEADERS["X-Accel-Buffering"] == "no"
    assert not {"Connection", "Content-Length", "Content-Encoding"} & set(HEADERS)
