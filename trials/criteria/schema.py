"""Rules as JSON, and the JSON Schema that says which JSON is a rule.

Both follow from the node classes themselves: a node is an object whose `node` names its class in snake case and whose
other members are its fields, every one written out, so that a stored rule keeps its meaning when a default changes. A
shape that no class has is refused with the path at which it stands.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from trials.criteria import tree as t
from trials.criteria.errors import InvalidNode, ShapeError

Json = dict[str, Any]
N = TypeVar("N")

SCHEMA_ID = "urn:trial-eligibility-matcher:criteria:1"

#: The unions of the tree, under the names by which the schema speaks of them.
_UNIONS: Mapping[str, Any] = {
    "rule": t.Rule,
    "definition": t.Definition,
    "value": t.Value,
    "test": t.Test,
    "window": t.Window,
    "anchor": t.Anchor,
    "amount": t.Amount,
}


def to_json(node: t.Rule | t.Definition | t.Concepts) -> Json:
    """The rule, definition or concept set as plain JSON data."""
    return cast(Json, encode(node))


def from_json(data: object) -> t.Rule:
    """The rule that `to_json` wrote. Raises ShapeError with the path of what no rule has."""
    return cast(t.Rule, decode(t.Rule, data))


def definition_from_json(data: object) -> t.Definition:
    """The definition that `to_json` wrote. Raises ShapeError with the path of what no definition has."""
    return cast(t.Definition, decode(t.Definition, data))


def json_schema() -> Json:
    """The JSON Schema (2020-12) of rules and definitions, made from the node classes."""
    classes: dict[type, None] = {}
    for union in _UNIONS.values():
        _reached(union, classes)
    defs: Json = {name: {"oneOf": [_reference(cls) for cls in _members(union)]} for name, union in _UNIONS.items()}
    for cls in classes:
        defs[node_name(cls)] = _class_schema(cls)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Criteria language",
        "description": "A rule or a definition of the criteria language, as it is stored and exchanged.",
        "oneOf": [{"$ref": "#/$defs/rule"}, {"$ref": "#/$defs/definition"}],
        "$defs": dict(sorted(defs.items())),
    }


def schema_text() -> str:
    """The schema as the file docs/criteria.schema.json holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


# --- any frozen dataclass ------------------------------------------------------------------------------------------


def encode(value: object) -> Any:
    """A tree of dataclasses, enums, tuples, mappings and scalars as JSON data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [encode(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): encode(part) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {"node": node_name(type(value))} | {
            item.name: encode(getattr(value, item.name)) for item in fields(value)
        }
    return value


def decode(expected: Any, data: object, path: str = "$") -> Any:
    """The value of type `expected` that `encode` wrote. Raises ShapeError with the path of what has another shape.

    A field that has a default may be missing, so that what was stored before the field existed can still be read.
    """
    if expected is Any:
        return data
    if get_origin(expected) in (Union, types.UnionType):
        return _decode_union(expected, data, path)
    if get_origin(expected) is tuple:
        if not isinstance(data, list):
            raise ShapeError(path, f"a list is expected, not {_shown(data)}")
        inner = get_args(expected)[0]
        return tuple(decode(inner, part, f"{path}[{index}]") for index, part in enumerate(data))
    if get_origin(expected) is Mapping or get_origin(expected) is dict:
        if not isinstance(data, dict):
            raise ShapeError(path, f"an object is expected, not {_shown(data)}")
        inner = get_args(expected)[1]
        return {key: decode(inner, part, f"{path}.{key}") for key, part in data.items()}
    if is_dataclass(expected):
        return _decode_node(cast(type, expected), data, path)
    return _decode_scalar(expected, data, path)


def _decode_union(expected: Any, data: object, path: str) -> Any:
    members = _members(expected)
    if data is None and type(None) in members:
        return None
    nodes = {node_name(cls): cls for cls in members if isinstance(cls, type) and is_dataclass(cls)}
    if not nodes:
        (scalar,) = (cls for cls in members if cls is not type(None))
        return decode(scalar, data, path)
    name = data.get("node") if isinstance(data, dict) else None
    if not isinstance(name, str) or name not in nodes:
        what = f"node {name!r}" if isinstance(name, str) else _shown(data)
        raise ShapeError(path, f"{what} is not expected here: one of {', '.join(sorted(nodes))} is")
    return _decode_node(nodes[name], data, path)


def _decode_node(cls: type, data: object, path: str) -> Any:
    name = node_name(cls)
    if not isinstance(data, dict) or data.get("node") != name:
        raise ShapeError(path, f"an object with node {name!r} is expected, not {_shown(data)}")
    known = _fields(cls)
    strange = sorted(set(data) - set(known) - {"node"})
    if strange:
        raise ShapeError(f"{path}.{strange[0]}", f"{name} has no such member: it has {', '.join(known)}")
    arguments = {}
    for item, expected in known.values():
        if item.name in data:
            arguments[item.name] = decode(expected, data[item.name], f"{path}.{item.name}")
        elif _required(item):
            raise ShapeError(path, f"{name} lacks its member {item.name!r}")
    try:
        return cls(**arguments)
    except InvalidNode as problem:
        raise ShapeError(path, str(problem)) from None


def _decode_scalar(expected: type, data: object, path: str) -> Any:
    if issubclass(expected, Enum):
        try:
            return expected(data)
        except ValueError:
            words = ", ".join(str(member.value) for member in expected)
            raise ShapeError(path, f"{_shown(data)} is not one of {words}") from None
    if expected is date and isinstance(data, str):
        try:
            return date.fromisoformat(data)
        except ValueError:
            raise ShapeError(path, f"{_shown(data)} is no date: write YYYY-MM-DD") from None
    if expected is float and isinstance(data, int | float) and not isinstance(data, bool) and math.isfinite(data):
        return float(data)
    if isinstance(data, expected) and not (isinstance(data, bool) and expected is int) and expected is not float:
        return data
    raise ShapeError(path, f"a value of type {_JSON_TYPES[expected]} is expected, not {_shown(data)}")


_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", date: "date"}


def node_name(cls: type) -> str:
    """The name under which a class stands in JSON: its own, in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


@cache
def _fields(cls: type) -> Mapping[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(cls)
    return {item.name: (item, hints[item.name]) for item in fields(cls)}


def _required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _members(union: Any) -> tuple[Any, ...]:
    return get_args(union) or (union,)


def _shown(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- the schema ----------------------------------------------------------------------------------------------------


def _reached(expected: Any, seen: dict[type, None]) -> dict[type, None]:
    """Every dataclass that a type holds, at any depth, in order."""
    for member in _members(expected):
        if get_origin(member) is not None:
            _reached(member, seen)
        elif is_dataclass(member) and member not in seen:
            cls = cast(type, member)
            seen[cls] = None
            for _, inner in _fields(cls).values():
                _reached(inner, seen)
    return seen


def _class_schema(cls: type) -> Json:
    known = _fields(cls)
    return {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": {"node": {"const": node_name(cls)}} | {name: _type(kind) for name, (_, kind) in known.items()},
        "required": ["node", *(name for name, (item, _) in known.items() if _required(item))],
        "additionalProperties": False,
    }


def _reference(cls: type) -> Json:
    return {"$ref": f"#/$defs/{node_name(cls)}"}


def _type(expected: Any) -> Json:
    if get_origin(expected) in (Union, types.UnionType):
        members = [member for member in _members(expected) if member is not type(None)]
        named = next((name for name, union in _UNIONS.items() if set(_members(union)) == set(members)), None)
        one: Json = {"$ref": f"#/$defs/{named}"} if named else {"oneOf": [_type(member) for member in members]}
        if len(members) == 1:
            one = _type(members[0])
        return one if len(members) == len(_members(expected)) else {"oneOf": [one, {"type": "null"}]}
    if get_origin(expected) is tuple:
        return {"type": "array", "items": _type(get_args(expected)[0])}
    if is_dataclass(expected):
        return _reference(cast(type, expected))
    if issubclass(expected, Enum):
        return {"enum": [member.value for member in expected]}
    numeric = {"minimum": 0} if expected in (int, float) else {}
    return {"type": _JSON_TYPES[expected]} | numeric
