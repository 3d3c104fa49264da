"""YAML that people write, with the line of everything in it, so that an error can point at the place.

Values stay texts, as written: what they mean is decided by the model that reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml


def read_mapping(path: Path, what: str, first_key: str, error: type[ValueError]) -> tuple[dict[str, Any], yaml.Node]:
    """The mapping that a file holds, as dicts, lists and texts, and its node, for `line_of`.

    Args:
        path: a file in UTF-8.
        what: what the file is, for messages ("a contract").
        first_key: the key that it usually begins with, for messages.
        error: raised, with file and line, for text that is not YAML, not a mapping, or has a key twice.
    """
    try:
        node = yaml.compose(path.read_bytes().decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as problem:
        raise error(f"{path}: {what} is written in UTF-8 ({problem.reason})") from problem
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise error(f"{path}{line}: not YAML: {getattr(problem, 'problem', problem)}") from problem
    if not isinstance(node, yaml.MappingNode):
        raise error(f"{path}, line 1: {what} is a mapping of keys, beginning with `{first_key}:`")
    mapping: dict[str, Any] = _plain(node, path, error)
    return mapping, node


def _plain(node: yaml.Node, file: Path, error: type[ValueError]) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise error(f"{file}, line {key_node.start_mark.line + 1}: a key must be plain text")
            if key_node.value in result:
                raise error(f"{file}, line {key_node.start_mark.line + 1}: the key {key_node.value!r} stands twice")
            result[key_node.value] = _plain(value_node, file, error)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, file, error) for child in node.value]
    return node.value


def line_of(node: yaml.Node, path: Sequence[str | int]) -> int:
    """The 1-based line of the deepest part of `path` that the document has."""
    line = node.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.value == step:
                    line, node = key_node.start_mark.line + 1, value_node
                    break
            else:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            return line
    return line
