"""The markup of a run in parts, and the difference between two versions of it.

A page has hundreds of parts, and an update changes few of them. The page sends the version that it
shows, made of short digests, and receives the changed parts. The server keeps nothing for a page,
so any process can answer.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from markupsafe import Markup, escape

#: Characters of a digest: 30 bits, so that no change goes unnoticed.
DIGEST_LENGTH = 5

#: Parts of tasks share digests, so that a version of any number of tasks fits into a header.
BUCKETS = 256

#: Stands for the length of the axis. It changes often, and the page's script sets it in all rows.
SPAN = Markup("<!--span-->")

#: Stands for the field with the host's CSRF token. Updates are compressed, so they leave it empty,
#: and the page's script fills it: the length of a response must not depend on a secret.
FIELD = "<!--csrf-->"

#: No text of a run can contain one of these, since templates escape it.
_PLACE = re.compile(r"<!--(part|list) ([^ ]+)-->")


class TaskPart(NamedTuple):
    """A part that shows a task or an attempt."""

    key: str
    name: str
    html: str

    @property
    def bucket(self) -> int:
        return bucket_of(self.key)


def bucket_of(key: str) -> int:
    """Return the number of the bucket that the parts of a task are in."""
    return zlib.crc32(key.encode(errors="replace")) % BUCKETS


class RunMarkup:
    """The markup of a run, which a template fills.

    :param span: the length of the axis.
    """

    def __init__(self, span: float) -> None:
        self._span = f"{span:g}"
        self._shell = ""
        self._parts: dict[str, str] = {}
        self._lists: dict[str, Sequence[TaskPart]] = {}
        self._fixed: list[str] = []
        #: The host's CSRF token for the forms of the run; empty: there is none.
        self.csrf_token = ""

    def add_csrf_field(self, token: str) -> Markup:
        """Add the field that carries the host's CSRF token in a form."""
        self.csrf_token = token
        return Markup(FIELD)  # noqa: S704

    def add_part(self, name: str, caller: Callable[[], str]) -> Markup:
        """Add a part; a template wraps an element with it."""
        self._parts[name] = str(caller()).strip()
        return Markup(f"<!--part {name}-->")  # noqa: S704

    def add_list(self, name: str, parts: Sequence[TaskPart], *, is_fixed: bool = False) -> Markup:
        """Add a list of parts of tasks.

        :param is_fixed: a page receives the whole markup if the list gets other parts.
        """
        self._lists[name] = parts
        if is_fixed:
            self._fixed += [part.name for part in parts]
        return Markup(f"<!--list {name}-->")  # noqa: S704

    def finish(self, shell: str) -> None:
        """Add the rendered template: all that is in no part."""
        self._shell = shell

    def render(
        self, is_wanted: Callable[[TaskPart], bool] = lambda part: True, *, has_token: bool = True
    ) -> Markup:
        """Return the whole markup; what cannot be encoded is replaced.

        :param is_wanted: whether it contains a part of a task.
        :param has_token: whether it contains the CSRF token.
        """

        def fill(match: re.Match[str]) -> str:
            if match[1] == "part":
                return self._parts[match[2]]
            return "\n".join(part.html for part in self._lists[match[2]] if is_wanted(part))

        whole = _PLACE.sub(fill, self._shell).replace(SPAN, self._span)
        whole = whole.replace(FIELD, _csrf_field(self.csrf_token if has_token else ""))
        return Markup(whole.encode(errors="replace").decode())  # noqa: S704

    @property
    def version(self) -> str:
        """Digests of the shell, of each part in its order, and of the buckets."""
        return "".join(self._digests())

    def difference(self, version: str) -> Mapping[str, Any]:
        """Return what a page with another version needs.

        :return: ``digests`` by their number; ``parts`` by name; for each bucket that differs, the
            names of all its ``rows``. Without a version that fits: ``whole`` and its ``version``.
        """
        digests = self._digests()
        others = re.findall(f".{{{DIGEST_LENGTH}}}", version)
        if len(version) != DIGEST_LENGTH * len(digests) or others[0] != digests[0]:
            return {"version": "".join(digests), "whole": self.render(has_token=False)}
        changed = {
            at: digest
            for at, (digest, other) in enumerate(zip(digests, others, strict=True))
            if digest != other
        }
        names = list(self._parts)
        first_bucket = 1 + len(names)
        field = _csrf_field("")
        parts = {
            name: self._parts[name].replace(FIELD, field)
            for at, name in enumerate(names, 1)
            if at in changed
        }
        buckets: dict[int, list[str]] = {
            at - first_bucket: [] for at in changed if at >= first_bucket
        }
        for each in self._task_parts():
            if each.bucket in buckets:
                parts[each.name] = each.html.replace(SPAN, self._span)
                buckets[each.bucket].append(each.name)
        return {"digests": changed, "parts": parts, "buckets": buckets}

    def _task_parts(self) -> Iterable[TaskPart]:
        return chain.from_iterable(self._lists.values())

    def _digests(self) -> list[str]:
        buckets: list[list[str]] = [[] for _ in range(BUCKETS)]
        for part in self._task_parts():
            buckets[part.bucket].append(f"{part.name}\0{part.html}")
        shell = "\0".join([self._shell, *self._fixed])
        texts = [shell, *self._parts.values(), *map("\0".join, buckets)]
        return [_digest(text) for text in texts]


def _csrf_field(token: str) -> str:
    return f'<input type="hidden" name="csrf_token" value="{escape(token)}">'


def _digest(text: str) -> str:
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest)[:DIGEST_LENGTH].decode()
