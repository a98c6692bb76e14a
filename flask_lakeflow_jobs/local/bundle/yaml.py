"""YAML whose mappings and lists remember where they stood, so that a mistake can name its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .errors import BundleError, Location


class MarkedDict(dict[str, Any]):
    """A mapping that knows the file and line of each of its keys, and which of its values are
    there to be repeated elsewhere.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: dict[str, Location] = {}
        self.anchored: set[str] = set()


class MarkedList(list[Any]):
    """A list that knows the file and line of each of its items."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: list[Location] = []


_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?([0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
)


class _Loader(yaml.SafeLoader):
    """Takes plain words for what the Databricks CLI takes them: ``yes`` and ``on`` are texts, and
    so are dates and times of day (YAML 1.2's core schema; the CLI's ``libs/dyn/yamlloader``).
    """

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 (as PyYAML has it)

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.anchored: set[yaml.Node] = set()

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if node is not None and event.anchor:
            self.anchored.add(node)
        return node

    def is_anchored(self, node: yaml.Node) -> bool:
        """Whether a node, or all that it holds, has an anchor: it stands there to be repeated."""
        if node in self.anchored:
            return True
        if isinstance(node, yaml.MappingNode):
            return bool(node.value) and all(self.is_anchored(value) for _, value in node.value)
        if isinstance(node, yaml.SequenceNode):
            return bool(node.value) and all(map(self.is_anchored, node.value))
        return False


def _whole_number(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value
    return int(text, 16 if "x" in text else 8 if "o" in text else 10)


for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$"), [*_first]
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def load_marked(path: Path) -> Any:
    """The document in a file.

    :raises OSError: the file cannot be read.
    :raises yaml.YAMLError: it is no YAML.
    :raises Flaw: it is YAML of which JSON knows nothing.
    """
    loader = _Loader(path.read_bytes())
    try:
        node = loader.get_single_node()
        return None if node is None else _construct(loader, node, path, ())
    finally:
        loader.dispose()


def _construct(loader: _Loader, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> Any:
    if node in above:
        raise yaml.constructor.ConstructorError(
            None, None, "an alias that contains itself", node.start_mark
        )
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        _refuse_odd_keys(node, path)
        anchored = {key.value for key, value in node.value if loader.is_anchored(value)}
        loader.flatten_mapping(node)
        mapping = MarkedDict()
        mapping.anchored = anchored
        for key_node, value_node in node.value:
            key = str(key_node.value)
            mapping[key] = _construct(loader, value_node, path, above)
            mapping.places[key] = (path, key_node.start_mark.line + 1)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items = MarkedList(_construct(loader, each, path, above) for each in node.value)
        items.places = [(path, each.start_mark.line + 1) for each in node.value]
        return items
    return loader.construct_object(node)


def _refuse_odd_keys(node: yaml.MappingNode, path: Path) -> None:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise BundleError(
                "A key has to be a text, not a list or a mapping. Put quotes around a reference "
                "in braces: '{{…}}'.",
                (path, key_node.start_mark.line + 1),
            )
        if key_node.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key_node.value!r} stands twice", key_node.start_mark
            )
        seen.add(key_node.value)
