"""The format of entries of the shared cache: JSON text with a version and a signature."""

from __future__ import annotations

import hmac
import json
import re
from hashlib import blake2b
from typing import Any

#: Version of the format of entries. Entries of another version are ignored.
ENTRY_VERSION = 2

_ENTRY = re.compile(
    rf'\{{"version":{ENTRY_VERSION},"signature":"([0-9a-f]{{32}})","value":(.*)\}}', re.DOTALL
)


class EntryFormat:
    """Writes entries, and reads those that an app with the same secret wrote under the same key.

    Readers rely on the shape of values. So an entry that something else wrote or damaged counts as
    missing.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def dump(self, key: str, value: Any) -> str:
        """Return the entry of a value.

        :param value: anything that JSON can represent.
        """
        text = json.dumps(value, separators=(",", ":"))
        signature = self._sign(key, text)
        return f'{{"version":{ENTRY_VERSION},"signature":"{signature}","value":{text}}}'

    def parse(self, key: str, stored: Any) -> Any:
        """Return the value of an entry; ``None`` if it is no entry of this key."""
        entry = _ENTRY.fullmatch(stored) if isinstance(stored, str) else None
        if entry is None or not hmac.compare_digest(entry[1], self._sign(key, entry[2])):
            return None
        return json.loads(entry[2])

    def _sign(self, key: str, text: str) -> str:
        signed = f"{key}\n{text}".encode(errors="replace")
        return blake2b(signed, digest_size=16, key=self._secret).hexdigest()
