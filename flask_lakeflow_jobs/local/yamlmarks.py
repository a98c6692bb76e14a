"""YAML whose mappings and lists remember where they stood, so that a mistake can name its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Place = tuple[Path, int]
"""A file, and a line in it (from 1; 0 for the file as a whole)."""


class MarkedDict(dict[str, Any]):
    """A mapping that knows the file and line of each of its keys."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: dict[str, Place] = {}


class MarkedList(list[Any]):
    """A list that knows the file and line of each of its items."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: list[Place] = []


def load_marked(path: Path) -> Any:
    """The document in a file.

    :raises OSError: the file cannot be read.
    :raises yaml.YAMLError: it is no YAML.
    """
    loader = yaml.SafeLoader(path.read_bytes())
    try:
        node = loader.get_single_node()
        return None if node is None else _construct(loader, node, path, ())
    finally:
        loader.dispose()


def _construct(
    loader: yaml.SafeLoader, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]
) -> Any:
    if node in above:
        raise yaml.constructor.ConstructorError(
            None, None, "an alias that contains itself", node.start_mark
        )
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        _refuse_repeated_keys(node)
        loader.flatten_mapping(node)
        mapping = MarkedDict()
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node))
            mapping[key] = _construct(loader, value_node, path, above)
            mapping.places[key] = (path, key_node.start_mark.line + 1)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items = MarkedList(_construct(loader, each, path, above) for each in node.value)
        items.places = [(path, each.start_mark.line + 1) for each in node.value]
        return items
    return loader.construct_object(node)


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if key_node.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key_node.value!r} stands twice", key_node.start_mark
            )
        if isinstance(key_node, yaml.ScalarNode):
            seen.add(key_node.value)


def merged(base: Any, over: Any) -> Any:
    """``base`` with ``over`` laid on it: mappings key by key, lists joined, anything else
    replaced.
    """
    if isinstance(base, MarkedDict) and isinstance(over, MarkedDict):
        result = MarkedDict(base)
        result.places = {**base.places, **over.places}
        for key, value in over.items():
            result[key] = merged(base[key], value) if key in base else value
        return result
    if isinstance(base, MarkedList) and isinstance(over, MarkedList):
        joined = MarkedList([*base, *over])
        joined.places = [*base.places, *over.places]
        return joined
    return over


def laid_over(base: Any, over: Any) -> Any:
    """Like :func:`merged`, but tasks and job clusters with the same key are one, as in the CLI."""
    if isinstance(base, MarkedDict) and isinstance(over, MarkedDict):
        result = MarkedDict(base)
        result.places = {**base.places, **over.places}
        for key, value in over.items():
            result[key] = laid_over(base[key], value) if key in base else value
        return result
    if isinstance(base, MarkedList) and isinstance(over, MarkedList):
        for identity in ("task_key", "job_cluster_key", "environment_key"):
            if all(isinstance(item, MarkedDict) and identity in item for item in (*base, *over)):
                return _merge_by(identity, base, over)
        return merged(base, over)
    return over


def _merge_by(identity: str, base: MarkedList, over: MarkedList) -> MarkedList:
    result = MarkedList(base)
    result.places = list(base.places)
    positions = {item[identity]: index for index, item in enumerate(result)}
    for item, place in zip(over, over.places, strict=True):
        if (index := positions.get(item[identity])) is not None:
            result[index] = laid_over(result[index], item)
        else:
            result.append(item)
            result.places.append(place)
    return result
