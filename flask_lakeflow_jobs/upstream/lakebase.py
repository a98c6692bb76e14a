"""Passwords for Lakebase, the Postgres of Databricks: tokens that expire within the hour."""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from ..config.keys import LAKEBASE
from ..errors import LakeflowJobsError, UpstreamError
from ..identity import APP
from .calls import Call, RetryPolicy
from .error_mapping import ErrorContext
from .failures import IncompleteResponse, LoginFailed

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from .gateway import Upstream

#: Attempts, and seconds for all of them. The database's user waits meanwhile.
POLICY = RetryPolicy(5.0, 2)

SDK_LOGGER = "databricks.sdk"

INSTANCE_PATH = "/api/2.0/database/credentials"
PROJECT_PATH = "/api/2.0/postgres/credentials"

#: Start of the name of an endpoint, which distinguishes it from an instance.
PROJECTS = "projects/"


def _has_no_password(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return INSTANCE_PATH not in message and PROJECT_PATH not in message


# At the level DEBUG, the SDK logs responses in full.
logging.getLogger(SDK_LOGGER).addFilter(_has_no_password)


def create_password(upstream: Upstream, lakebase: str | bool) -> str:
    """Create a password for one connection. It is valid for an hour.

    The lowest SDK of this package has no method for it, so the paths are those of the API.
    Sources: Databricks REST API, "Generate Database Credential" of ``database`` and ``postgres``.

    :param lakebase: an instance or an endpoint; ``True``: the OAuth token of the app. A database
        with a role for the app's service principal accepts that.
    :raises LakeflowJobsError: the workspace does not create one.
    """
    context = ErrorContext(APP, partial(_not_found, lakebase))
    request = partial(_request_password, lakebase)
    call = Call(upstream.call_resources, "create_database_password", request, POLICY, context)
    return call.run()


def _request_password(lakebase: str | bool, client: WorkspaceClient) -> str:
    body: dict[str, Any]
    if not isinstance(lakebase, str):
        return _get_oauth_token(client)
    if lakebase.startswith(PROJECTS):
        path, body = PROJECT_PATH, {"endpoint": lakebase}
    else:
        path = INSTANCE_PATH
        body = {"instance_names": [lakebase], "request_id": str(uuid.uuid4())}
    response: Any = client.api_client.do("POST", path, body=body)
    token = response.get("token") if isinstance(response, dict) else None
    if not isinstance(token, str) or not token:
        raise IncompleteResponse("The response has no token.")
    return token


def _get_oauth_token(client: WorkspaceClient) -> str:
    try:
        return str(client.config.oauth_token().access_token)
    # A personal access token, above all. Old versions of the SDK lack the attribute then.
    except (ValueError, AttributeError):
        raise LoginFailed(
            f"{LAKEBASE.name}=true requires OAuth, as on Databricks Apps. Or name an instance."
        ) from None


def _not_found(lakebase: str | bool, code: str | None) -> LakeflowJobsError:
    return UpstreamError(
        f"The workspace has no Lakebase database {lakebase!r}. Check {LAKEBASE.name}: it names an"
        " instance, or an endpoint (projects/…/branches/…/endpoints/…).",
        upstream_code=code,
    )
