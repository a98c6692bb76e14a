"""YAML whose mappings and lists keep file and line of their values, for error messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .bundle_error import BundleError, Location, Warn

# A bundle is small. These are far above what people write, and keep a hostile file from taking all
# time and memory: a few aliases of aliases stand for billions of values.
MAX_FILE_BYTES = 2**20
MAX_DEPTH = 100
MAX_NODES = 200_000


class LocatedDict(dict[str, Any]):
    """A mapping with the location of each of its keys.

    ``anchored`` holds the keys whose values have an anchor, which are there to be repeated.
    """

    def __init__(
        self,
        items: Mapping[str, Any] | None = None,
        locations: Mapping[str, Location] | None = None,
    ) -> None:
        super().__init__(items or {})
        self.locations = dict(locations or {})
        self.anchored: set[str] = set()


class LocatedList(list[Any]):
    """A list with the location of each of its items."""

    def __init__(self, items: Iterable[Any] = (), locations: Iterable[Location] = ()) -> None:
        super().__init__(items)
        self.locations = [*locations]


def load_yaml(path: Path, warn: Warn = lambda *_: None) -> Any:
    """Return the document in a file.

    :param warn: receives a message for each key that occurs twice in a mapping.
    :raises OSError: the file cannot be read.
    :raises yaml.YAMLError: it does not hold YAML.
    :raises BundleError: it holds YAML that JSON cannot express, or too much of it.
    """
    with open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise BundleError("The file is larger than 1 MiB. Split it.", (path, 0))
    loader = _Loader(content, path)
    try:
        node = loader.get_single_node()
        document = None if node is None else loader.construct_located(node, ())
        for message, location in dict.fromkeys(loader.repeated):
            warn(message, location)
        return document
    finally:
        loader.dispose()


def format_scalar(value: Any) -> Any:
    """Return a number or a boolean as a string, and any other value as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return value


class _Loader(yaml.SafeLoader):
    """A loader that reads unquoted scalars as the Databricks CLI does.

    ``yes`` and ``on`` are strings, and so are dates and times of day (YAML 1.2's core schema; the
    CLI's ``libs/dyn/yamlloader``).
    """

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 (as PyYAML has it)

    def __init__(self, stream: bytes, path: Path) -> None:
        super().__init__(stream)
        self._path = path
        self._anchored: set[yaml.Node] = set()
        self.repeated: list[tuple[str, Location]] = []  # keys, as warnings
        self._nodes = 0  # that were constructed, those of an alias each time
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._locate(event))
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and event.anchor:
            self._anchored.add(node)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MAX_NODES:  # older PyYAML keeps every copy of a merged key
            raise _too_many_nodes(self._locate(node))

    def construct_located(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Any:
        """Return the value of a node with its locations.

        :param above: the nodes that contain it.
        """
        if node in above:
            raise yaml.constructor.ConstructorError(
                None, None, "an alias that contains itself", node.start_mark
            )
        if len(above) > MAX_DEPTH:
            raise _too_deep(self._locate(node))
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _too_many_nodes(self._locate(node))
        above = (*above, node)
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            anchored = {key.value for key, value in node.value if self._is_anchored(value)}
            self.flatten_mapping(node)
            mapping = LocatedDict()
            mapping.anchored = anchored
            for key_node, value_node in node.value:
                key = str(key_node.value)
                mapping[key] = self.construct_located(value_node, above)
                mapping.locations[key] = self._locate(key_node)
            return mapping
        if isinstance(node, yaml.SequenceNode):
            items = [self.construct_located(each, above) for each in node.value]
            return LocatedList(items, map(self._locate, node.value))
        try:
            return self.construct_object(node)
        except (AttributeError, KeyError, ValueError):  # PyYAML does not check what a tag names
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value!r} is no value of the type '!!{kind}'", node.start_mark
            ) from None

    def _check_keys(self, node: yaml.MappingNode) -> None:
        keys: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise BundleError(
                    "A key has to be a string, not a list or a mapping. Put quotes around a "
                    "reference in braces: '{{…}}'.",
                    self._locate(key_node),
                )
            if key_node.value in keys and key_node.tag == "tag:yaml.org,2002:merge":
                raise BundleError(
                    "The key '<<' occurs twice. Merge a list of mappings: '<<: [*a, *b]'.",
                    self._locate(key_node),
                )
            if key_node.value in keys:
                message = f"The key {key_node.value!r} occurs twice. The last value counts."
                self.repeated.append((message, self._locate(key_node)))
            keys.add(key_node.value)

    def _is_anchored(self, node: yaml.Node) -> bool:
        """Return whether a node, or everything inside it, has an anchor."""
        if node in self._anchored:
            return True
        if isinstance(node, yaml.MappingNode):
            return bool(node.value) and all(self._is_anchored(value) for _, value in node.value)
        if isinstance(node, yaml.SequenceNode):
            return bool(node.value) and all(map(self._is_anchored, node.value))
        return False

    def _locate(self, node: yaml.Node) -> Location:
        return self._path, node.start_mark.line + 1


def _construct_int(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int | str:
    digits = node.value.replace("_", "")
    try:
        return int(digits, 16 if "x" in digits else 8 if "o" in digits else 10)
    except ValueError:  # no digits, or thousands
        return str(node.value)


def _too_deep(location: Location) -> BundleError:
    return BundleError(f"The file is nested more than {MAX_DEPTH} levels deep.", location)


def _too_many_nodes(location: Location) -> BundleError:
    return BundleError(
        f"The file has more than {MAX_NODES} values, those of each alias included.", location
    )


for _tag, _pattern, _first_characters in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?([0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first_characters
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))
