"""What Pydantic's types and constraints are in JSON Schema."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_BOOLEAN: Schema = {"type": "boolean"}
_URI: Schema = {"type": "string", "format": "uri"}

SIMPLE: dict[str, Schema] = {
    **{"str": _STRING, "StrictStr": _STRING, "bool": _BOOLEAN, "StrictBool": _BOOLEAN, "Any": {}, "object": {}},
    **{"int": _INTEGER, "StrictInt": _INTEGER, "float": _NUMBER, "StrictFloat": _NUMBER, "FiniteFloat": _NUMBER},
    **{"Decimal": _NUMBER, "HttpUrl": _URI, "AnyUrl": _URI, "AnyHttpUrl": _URI},
    "None": {"type": "null"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "timedelta": {"type": "string", "format": "duration"},
    "EmailStr": {"type": "string", "format": "email"},
    "UUID": {"type": "string", "format": "uuid"},
    "PositiveInt": {"type": "integer", "exclusiveMinimum": 0},
    "NonNegativeInt": {"type": "integer", "minimum": 0},
    "NegativeInt": {"type": "integer", "exclusiveMaximum": 0},
    "NonPositiveInt": {"type": "integer", "maximum": 0},
    "PositiveFloat": {"type": "number", "exclusiveMinimum": 0},
    "NonNegativeFloat": {"type": "number", "minimum": 0},
    "NegativeFloat": {"type": "number", "exclusiveMaximum": 0},
    "NonPositiveFloat": {"type": "number", "maximum": 0},
}
LISTS = {"list", "List", "set", "Set", "frozenset", "FrozenSet", "Sequence"}
TUPLES = {"tuple", "Tuple"}
DICTS = {"dict", "Dict", "Mapping"}
CONSTRAINED = {"constr": "str", "conint": "int", "confloat": "float", "condecimal": "Decimal"}

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_BOUNDS |= {"multiple_of": "multipleOf"}
_OF_KIND: dict[str, dict[str, str]] = {
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "integer": _BOUNDS,
    "number": _BOUNDS,
    "array": {"min_length": "minItems", "max_length": "maxItems", "min_items": "minItems", "max_items": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}
CONSTRAINTS = {name for table in _OF_KIND.values() for name in table}
# of Field and its like, and of a model's configuration: without effect on what a document looks like
HARMLESS = {"title", "examples", "serialization_alias", "strict", "frozen", "repr", "exclude", "validate_default"}
HARMLESS |= {"discriminator", "union_mode", "allow_inf_nan", "deprecated", "max_digits", "decimal_places", "init"}
CHANGING_CONFIG = {"alias_generator", "json_schema_extra", "use_attribute_docstrings"}
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def union(members: list[Schema]) -> Schema:
    """One of several; null comes last, and what is the same is there once, as Pydantic has it."""
    null: Schema = {"type": "null"}
    flat = [part for member in members for part in (member["anyOf"] if member.keys() == {"anyOf"} else [member])]
    distinct = [part for number, part in enumerate(flat) if part not in flat[:number] and part != null]
    if null in flat:
        distinct.append(null)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def one_of_values(values: list[object], single: bool) -> Schema:
    """One of `values`, with their type where they share one; `single`: a lone value is a `const`."""
    kinds = {_KINDS[type(value)] for value in values}
    schema: Schema = {"const": values[0]} if single and len(values) == 1 else {"enum": values}
    if len(kinds) == 1:
        schema["type"] = kinds.pop()
    return schema


def constrained(schema: Schema, constraints: dict[str, object]) -> Schema | None:
    """A schema with Field's constraints; a nullable one has them on what it is else. None where they do not fit."""
    if not constraints:
        return schema
    members = schema.get("anyOf", [])
    if len(members) == 2 and members[1] == {"type": "null"}:
        inner = constrained(members[0], constraints)
        return None if inner is None else {**schema, "anyOf": [inner, members[1]]}
    keywords = _OF_KIND.get(schema.get("type", ""), {})
    if "enum" in schema or "const" in schema or not keywords.keys() >= constraints.keys():
        return None
    return {**schema, **{keywords[name]: value for name, value in constraints.items()}}
