"""The sessions of SQL: the catalog and the schema in which the statements of a client run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ..errors import ResourceDoesNotExist

#: A client may open sessions and never close them; the service ends those that are idle.
MAX_SESSIONS = 1000


@dataclass(slots=True)
class StatementSession:
    """The current catalog and schema; empty: the default ones."""

    catalog: str = ""
    schema: str = ""


class StatementSessions:
    """The sessions of all clients, until a restart."""

    def __init__(self) -> None:
        self._sessions: dict[str, StatementSession] = {}

    def open(self, session: StatementSession) -> str:
        """Keep a session, and return its id. The oldest one may be closed for it."""
        session_id = str(uuid.uuid4())
        self._sessions[session_id] = session
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)), None)
        return session_id

    def find(self, session_id: str) -> StatementSession:
        """Return a session.

        :raises ApiError: it is unknown, or closed.
        """
        try:
            return self._sessions[session_id]
        except KeyError:
            raise ResourceDoesNotExist(
                f"The session {session_id} was not found. Connect again: the local workspace keeps "
                f"{MAX_SESSIONS} sessions, and none over a restart."
            ) from None

    def close(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)
