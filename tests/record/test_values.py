"""Tokens of pages."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.errors import InvalidRequest
from flask_lakeflow_jobs.record.values import PageToken
from flask_lakeflow_jobs.runs.ids import MAX_ID


@pytest.mark.parametrize("token", [PageToken(0, 1), PageToken(99_999_999_999_999, MAX_ID)])
def test_page_token_text_is_parsed(token: PageToken) -> None:
    assert PageToken.parse(str(token)) == token


def test_page_token_empty_text_is_the_first_page() -> None:
    assert PageToken.parse("") is None


@pytest.mark.parametrize("text", ["x", "1", "1-0", "1-2-3", "100000000000000-1", f"1-{MAX_ID + 1}"])
def test_page_token_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="pageToken"):
        PageToken.parse(text)
