"""Progress tokens are valid for one job until they expire, and only as the app has signed them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.runs.progress_token import (
    SALT,
    TOKEN_SECONDS,
    add_token,
    contains_hash,
    create_token,
    find_token_field,
    find_token_hashes,
    hash_progress_token,
    is_token_valid,
    refuse_parameter,
)
from flask_lakeflow_jobs.text import PROGRESS_TOKEN_PREFIX, PROGRESS_TOKENS, clean_line

KEYS = ["key of the app"]
NOW = 1_764_000_000.5
JOB_ID = 7
TOKEN = create_token(KEYS, JOB_ID, NOW)

job_ids = st.integers(1, 2**63 - 1)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.binary(min_size=1)


@given(st.lists(keys, min_size=1, max_size=3), job_ids, st.floats(0, 4e9))
def test_token_is_valid_for_its_job_until_it_expires(
    app_keys: list[str | bytes], job_id: int, now: float
) -> None:
    token = create_token(app_keys, job_id, now)
    assert is_token_valid(app_keys, token, job_id, now)
    assert is_token_valid(app_keys, token, job_id, int(now) + TOKEN_SECONDS - 1)
    assert not is_token_valid(app_keys, token, job_id, int(now) + TOKEN_SECONDS)
    assert not is_token_valid(app_keys, token, job_id ^ 1, now)
    assert PROGRESS_TOKENS.fullmatch(token)


@given(st.integers(0, len(TOKEN) - 1), st.characters() | st.sampled_from("+/=-_."))
def test_changed_token_is_invalid(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    # the last character of a signature has bits that base64 does not use
    if changed != TOKEN and position < len(TOKEN) - 1:
        assert not is_token_valid(KEYS, changed, JOB_ID, NOW)


@given(st.text(max_size=300))
def test_any_other_text_is_no_token(text: str) -> None:
    assert not is_token_valid(KEYS, TOKEN.removeprefix(PROGRESS_TOKEN_PREFIX), JOB_ID, NOW)
    assert not is_token_valid(KEYS, text, JOB_ID, NOW)
    assert not is_token_valid(KEYS, PROGRESS_TOKEN_PREFIX + text, JOB_ID, NOW)


def sign(value: Any, salt: str = SALT) -> str:
    """Sign a value as the app's key would, for another purpose or of another shape."""
    signer = {"key_derivation": "hmac", "digest_method": sha256}
    serializer = URLSafeSerializer([key.encode() for key in KEYS], salt=salt, signer_kwargs=signer)
    return PROGRESS_TOKEN_PREFIX + str(serializer.dumps(value))


def test_token_for_another_purpose_is_invalid() -> None:
    value = [JOB_ID, NOW + 60, "nonce"]
    assert is_token_valid(KEYS, sign([JOB_ID, int(NOW) + 60, "nonce"]), JOB_ID, NOW)
    for token in (
        sign([JOB_ID, int(NOW) + 60, "nonce"], "cookie-session"),
        *map(sign, (value, [], {}, "x", None, [JOB_ID, int(NOW) + 60], [str(JOB_ID), 9**9, "x"])),
    ):
        assert not is_token_valid(KEYS, token, JOB_ID, NOW)


def test_tokens_differ() -> None:
    assert len({create_token(KEYS, JOB_ID, NOW) for _ in range(10)}) == 10


def test_token_of_an_earlier_key_is_valid_and_the_last_key_signs() -> None:
    assert is_token_valid([*KEYS, "new"], TOKEN, JOB_ID, NOW)
    assert not is_token_valid(["new"], TOKEN, JOB_ID, NOW)
    assert is_token_valid(["new"], create_token([*KEYS, "new"], JOB_ID, NOW), JOB_ID, NOW)


@pytest.mark.parametrize(
    ("task_type", "fields", "field"),
    [
        ("job", {}, "job_parameters"),
        ("notebook", {}, "notebook_params"),
        ("notebook", {"job_parameters": {"by": "ann"}}, "job_parameters"),
        ("python_wheel", {}, "python_named_params"),
        ("sql", {}, "sql_params"),
        ("python_script", {"python_params": ["x"]}, None),
        ("spark_jar", {}, None),
        ("dbt", {}, None),
        ("dbt_commands", {}, None),
        ("pipeline", {}, None),
        (None, {}, "job_parameters"),
        (None, {"notebook_params": {}}, "notebook_params"),
        (None, {"python_params": []}, None),
        (None, {"python_params": [], "sql_params": {}}, "sql_params"),
    ],
)
def test_token_goes_where_parameters_have_names(
    task_type: str | None, fields: dict[str, Any], field: str | None
) -> None:
    assert find_token_field(task_type, fields) == field


def test_token_is_added_to_the_other_parameters() -> None:
    fields = {"job_parameters": {"day": "1"}, "other": 1}
    assert add_token(fields, "job_parameters", "p", "t") == {
        "job_parameters": {"day": "1", "p": "t"},
        "other": 1,
    }
    assert fields == {"job_parameters": {"day": "1"}, "other": 1}


def test_parameter_of_the_token_is_refused() -> None:
    for fields in ({"job_parameters": {"p": 1}}, {"notebook_params": {"p": ""}}):
        with pytest.raises(InvalidParameters, match="p: The app sets this parameter"):
            refuse_parameter(fields, "p")
        refuse_parameter(fields, None)
    refuse_parameter({"job_parameters": {"q": 1}, "python_params": ["p"]}, "p")


def test_token_of_a_run_is_found_by_its_hash() -> None:
    run = {
        "job_parameters": [
            {"name": "p", "value": TOKEN},
            {"name": "q", "value": "lfjp_other"},
            {"name": "p"},
            None,
        ],
        "overriding_parameters": {"notebook_params": {"p": "lfjp_b", "q": "x"}, "sql_params": None},
    }
    hashes = find_token_hashes(run, "p")
    assert hashes == [hash_progress_token(TOKEN), hash_progress_token("lfjp_b")]
    assert contains_hash(hashes, TOKEN)
    assert not contains_hash(hashes, "lfjp_other")
    for other in ({}, {"job_parameters": [{"name": "p", "value": ""}]}):
        assert find_token_hashes(other, "p") == []


def test_log_line_contains_no_token() -> None:
    assert clean_line(f"got {TOKEN} of a run") == "got … of a run"
