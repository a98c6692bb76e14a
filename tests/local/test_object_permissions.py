"""Rules of permissions on objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.object_permissions import (
    KINDS,
    check_owner,
    complete_entries,
    merge_entries,
    parse_entries,
    serialize,
)

JOB, FILE = KINDS["jobs"], KINDS["files"]
ME = "me@example.com"


def entry(level: str, **principal: str) -> dict[str, str]:
    return {**principal, "permission_level": level}


ENTRIES = st.lists(
    st.builds(
        lambda field, name, level: entry(level, **{field: name}),
        st.sampled_from(["user_name", "service_principal_name"]),
        st.sampled_from("abc"),
        st.sampled_from(sorted(JOB.levels)),
    ),
    max_size=6,
)


def principals(entries: list[Any]) -> set[tuple[str, str]]:
    return {(key, each[key]) for each in entries for key in each if key != "permission_level"}


@given(ENTRIES, ENTRIES)
def test_merge_has_each_principal_once_with_its_last_level(earlier: Any, later: Any) -> None:
    merged = merge_entries(earlier, later)
    assert len(principals(merged)) == len(merged)
    assert principals(merged) == principals(earlier + later)
    assert all(any(each == other for other in earlier + later) for each in merged)
    last = {tuple(sorted(principals([each]))): each for each in earlier + later}
    assert sorted(map(str, merged)) == sorted(map(str, last.values()))


@given(ENTRIES)
def test_new_object_has_one_owner_or_is_refused(entries: Any) -> None:
    granted = parse_entries(JOB, entries)
    owners = [each for each in granted if each["permission_level"] == "IS_OWNER"]
    if len(owners) > 1:
        with pytest.raises(ApiError, match=r"^The job must have exactly one owner\.$"):
            complete_entries(JOB, granted, ME)
    else:
        completed = complete_entries(JOB, granted, ME)
        check_owner(JOB, completed)
        assert owners or {"user_name": ME, "permission_level": "IS_OWNER"} in completed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "Could not parse request object: Expected array for field access_control_list"),
        (["x"], "Could not parse request object: Expected object for field access_control_list"),
        ([entry("CAN_VIEW")], "Each entry of access_control_list needs exactly one of user_name"),
        ([entry("CAN_VIEW", user_name="a", group_name="b")], "Each entry of access_control_list"),
        ([entry("CAN_VIEW", user_name="")], "Each entry of access_control_list needs"),
        ([{"user_name": 7}], "Each entry of access_control_list needs"),
        ([{"user_name": "a"}], "Unknown permission_level None for a job. Use one of CAN_VIEW, "),
        ([entry("CAN_READ", user_name="a")], "Unknown permission_level 'CAN_READ' for a job."),
        ([entry("IS_OWNER", group_name="g")], "A group cannot be the owner of a job."),
    ],
)
def test_invalid_entry_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_entries(JOB, value)
    assert caught.value.message.startswith(message)


def test_object_without_owners_needs_none() -> None:
    check_owner(FILE, [])
    with pytest.raises(ApiError):
        check_owner(JOB, [])


def test_serialized_entry_has_its_principal_and_name() -> None:
    entries = [entry("CAN_VIEW", group_name="team"), entry("IS_OWNER", user_name=ME)]
    shape = serialize(JOB, "jobs/7", entries, ME)
    assert (shape["object_id"], shape["object_type"]) == ("/jobs/7", "job")
    team, me, admins = shape["access_control_list"]
    assert team == {
        "group_name": "team",
        "all_permissions": [{"permission_level": "CAN_VIEW", "inherited": False}],
    }
    assert (me["user_name"], me["display_name"]) == (ME, "me")
    assert admins["all_permissions"][0]["inherited_from_object"] == ["/jobs/"]
