"""YAML without surprises: no duplicate keys, no guessing, no aliases, no objects.

Law, procedures, creditors and test cases are all read through `load`. It knows mappings, lists,
strings, whole numbers, `true`/`false`, `null` and dates. Everything YAML 1.1 would guess (`on`, `no`,
`0777`, `12:30`) stays the text that was written; a decimal number without quotes is refused, because a
binary float is never a legal figure.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: slower, the same answers
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

_TAG: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset(
    _TAG + word for word in ("str", "int", "float", "bool", "null", "timestamp", "value")
)
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NUMBER_LIKE: Final = re.compile(r"[-+]?(\.?[0-9][0-9_,.]*([eE][-+]?[0-9]+)?|\.(inf|nan))\Z", re.IGNORECASE)
_DEPTH_MAX: Final = 40
_SUSPECT: Final = 500
_DEEP_LINE: Final = re.compile(r"^[ \t?:-]{500}", re.MULTILINE)


class StrictYamlError(ValueError):
    """The text is not YAML this project accepts; the message says where and what to write."""


def load(text: str, where: str) -> Any:
    """Read one YAML document.

    Parameters
    ----------
    text : the document
    where : name of the file, for messages

    Returns
    -------
    Dicts, lists, `str`, `int`, `bool`, `date` and `None` only.

    Raises
    ------
    StrictYamlError : broken YAML, duplicate key, unquoted decimal number, alias or tag, impossible date.
    """
    try:
        _refuse_depth(text, where)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise StrictYamlError(f"{where}{line}: not readable as YAML: {problem}") from None
    except RecursionError:
        raise StrictYamlError(f"{where}: nested too deeply") from None
    if node is None:
        raise StrictYamlError(f"{where}: the file is empty")
    return _Builder(where).build(node, 0)


def _refuse_depth(text: str, where: str) -> None:
    """Refuse what nests so deep that libyaml, which recurses in C, would end the process."""
    if text.count("[") + text.count("{") < _SUSPECT and not _DEEP_LINE.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH_MAX:
            raise StrictYamlError(f"{where}: nested too deeply")


class _Builder:
    def __init__(self, where: str) -> None:
        self.where = where
        self.seen: set[int] = set()

    def fail(self, node: yaml.Node, what: str) -> StrictYamlError:
        return StrictYamlError(f"{self.where}:{node.start_mark.line + 1}: {what}")

    def build(self, node: yaml.Node, depth: int) -> Any:
        # an alias hands out the same node twice; refusing it also stops exponential documents
        if id(node) in self.seen:
            raise self.fail(node, "aliases (*name) are not accepted; write the value out")
        self.seen.add(id(node))
        if depth > _DEPTH_MAX:
            raise self.fail(node, f"nested deeper than {_DEPTH_MAX} levels")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, depth + 1) for item in node.value]
        if not isinstance(node, yaml.MappingNode) or node.tag != _TAG + "map":
            raise self.fail(node, f"the tag {node.tag} is not accepted")
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail(key_node, "a key must be a plain word or a date")
            key = self.scalar(key_node)
            if key in result:
                raise self.fail(key_node, f"the key {key_node.value!r} stands here twice; keep one")
            result[key] = self.build(value_node, depth + 1)
        return result

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.tag not in _SCALAR_TAGS or (node.style and node.tag != _TAG + "str"):
            raise self.fail(node, f"{text!r}: merge keys and tags are not accepted")
        if node.style:  # quoted or block text: exactly what was written
            return text
        if text in ("", "~", "null"):
            return None
        if text in ("true", "false"):
            return text == "true"
        if _DATE.match(text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                raise self.fail(node, f"there is no day {text}") from None
        if _INTEGER.match(text):
            return int(text)
        if _NUMBER_LIKE.match(text):
            raise self.fail(node, f'put the number {text} in quotes: "{text}"')
        return text
