"""Pydantic v2 models, as Python source, for a JSON Schema.

Made here and not by datamodel-code-generator, which brings twelve packages (Black and isort among them), takes over a
second for its first schema, and has settings for much more than schemas within `chat.schema.check`'s limits.

A property that may be absent becomes `X | None = None`, so that the model also takes null for it. Keywords that
Pydantic has no word for (`not`, `uniqueItems`, `allOf` of several, most `format`s) are left to the server.
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from typing import Any

from pydantic import BaseModel

from chat.json_output import without_lone_surrogates
from chat.take_away import Taken

# what the generated source itself uses, so that no field or class may be called that
_TAKEN = {"datetime", "Annotated", "Any", "Literal", "UUID", "BaseModel", "ConfigDict", "Field", "model_config"}
_TAKEN |= {"bool", "dict", "float", "int", "list", "str", "tuple"}
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_FORMATS = {"date": "datetime.date", "date-time": "datetime.datetime", "time": "datetime.time", "uuid": "UUID"}
_BOUNDS = {
    **{"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern", "multipleOf": "multiple_of"},
    **{"minimum": "ge", "exclusiveMinimum": "gt", "maximum": "le", "exclusiveMaximum": "lt"},
    **{"minItems": "min_length", "maxItems": "max_length", "minProperties": "min_length"},
    "maxProperties": "max_length",
}
_BOUNDED = {
    "str": ("minLength", "maxLength", "pattern"),
    "int": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
    "list": ("minItems", "maxItems"),
    "dict": ("minProperties", "maxProperties"),
}
_BOUNDED["float"] = _BOUNDED["int"]


def pydantic_model(schema: dict[str, Any], name: str) -> Taken:
    """The models for an object's schema; the last one, called after `name`, is the whole."""
    generator = _Generator(schema)
    generator.object(schema, name)
    classes = "\n\n".join(generator.classes)
    imports = "import datetime\n" if "datetime." in classes else ""
    for module, names in (
        ("typing", "Annotated Any Literal"),
        ("uuid", "UUID"),
        ("pydantic", "BaseModel ConfigDict Field"),
    ):
        if used := [name for name in names.split() if re.search(rf"\b{name}\b", classes)]:
            imports += ("\n" if module == "pydantic" else "") + f"from {module} import {', '.join(used)}\n"
    return Taken("models.py", "text/x-python", f"{imports.lstrip()}\n\n{classes}")


class _Generator:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._names: set[str] = set()
        self._referenced: dict[str, str] = {}  # the type for each reference met
        self.classes: list[str] = []

    def object(self, schema: dict[str, Any], name: str) -> str:
        """Write the class of an object's schema, after those that it needs; return its name."""
        class_name = _free(_capitalized(name), self._names | _TAKEN)
        self._names.add(class_name)
        body: list[str] = []
        if description := schema.get("description"):
            body += [f'""{_quoted(str(description))}""', ""]
        if (others := schema.get("additionalProperties")) is False or others is True:
            body += [f'model_config = ConfigDict(extra="{"allow" if others else "forbid"}")', ""]
        required = schema.get("required", [])
        kinds = {key: self._type(part, key) for key, part in schema.get("properties", {}).items()}
        taken = set(self._names)  # a field hides a class of the same name from those after it
        for key, kind in kinds.items():
            field_name = _free(_field_name(key), taken)
            taken.add(field_name)
            body.append(self._field(key, field_name, kind, schema["properties"][key], key in required))
        body = body or ["pass"]
        self.classes.append(
            f"class {class_name}(BaseModel):\n" + "\n".join(f"    {line}".rstrip() for line in body).rstrip() + "\n"
        )
        return class_name

    def _field(self, key: str, field_name: str, kind: str, schema: Any, required: bool) -> str:
        described = schema if isinstance(schema, dict) else {}
        arguments = {}
        if not required:
            arguments["default"] = _literal(described.get("default"))
            if arguments["default"] == "None" and not {"Any", "None"}.intersection(kind.split(" | ")):
                kind += " | None"
        if field_name != key:
            arguments["alias"] = _quoted(key)
        if (text := described.get("description")) and kind not in self._names:
            arguments["description"] = _quoted(str(text))
        if arguments.keys() == {"default"}:
            return f"{field_name}: {kind} = {arguments['default']}"
        said = ", ".join(f"{name}={value}" for name, value in arguments.items())
        return f"{field_name}: {kind} = Field({said})" if said else f"{field_name}: {kind}"

    def _type(self, schema: Any, name: str) -> str:
        """The type of a schema; classes that it needs are called after `name`."""
        if not isinstance(schema, dict):
            return "Any"
        if isinstance(pointer := schema.get("$ref"), str):
            return self._reference(pointer)
        if "const" in schema or "enum" in schema:
            return _one_of([schema["const"]] if "const" in schema else schema["enum"])
        for keyword_ in ("anyOf", "oneOf", "allOf"):
            if isinstance(parts := schema.get(keyword_), list) and (keyword_ != "allOf" or len(parts) == 1):
                return _union([self._type(part, name) for part in parts])
        kinds = schema.get("type", "object" if "properties" in schema else None)
        return _union([self._of_kind(kind, schema, name) for kind in (kinds if isinstance(kinds, list) else [kinds])])

    def _of_kind(self, kind: str | None, schema: dict[str, Any], name: str) -> str:
        if kind == "array":
            items = schema.get("prefixItems")
            if isinstance(items, list) and items and schema.get("items") in (None, False):
                return f"tuple[{', '.join(self._type(item, name) for item in items)}]"
            return _bounded("list", schema, f"list[{self._type(schema.get('items'), _singular(name))}]")
        if kind == "object":
            if "properties" in schema or schema.get("additionalProperties") is False:
                return self.object(schema, name)
            return _bounded("dict", schema, f"dict[str, {self._type(schema.get('additionalProperties'), name)}]")
        plain = _TYPES.get(str(kind), "Any")
        if plain == "str" and schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        return _bounded(plain, schema, plain)

    def _reference(self, pointer: str) -> str:
        """The type that a reference stands for; one within itself, or to nothing here, is Any."""
        if pointer not in self._referenced:
            self._referenced[pointer] = "Any"
            part: Any = self._root
            root, *steps = pointer.split("/")
            for step in steps:
                part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, dict) else None
            if root == "#" and steps:
                self._referenced[pointer] = self._type(part, steps[-1])
        return self._referenced[pointer]


def _bounded(kind: str, schema: dict[str, Any], expression: str) -> str:
    said = [f"{_BOUNDS[key]}={_literal(schema[key])}" for key in _BOUNDED.get(kind, ()) if key in schema]
    return f"Annotated[{expression}, Field({', '.join(said)})]" if said else expression


def _union(kinds: list[str]) -> str:
    distinct = dict.fromkeys(kind for kind in kinds if kind != "None")
    return " | ".join([*distinct, *(["None"] if "None" in kinds else [])]) or "Any"


def _one_of(values: list[Any]) -> str:
    """A Literal; of numbers with a fraction and of anything nested, which it cannot hold, the type alone."""
    if values and all(value is None or isinstance(value, str | int) for value in values):
        return f"Literal[{', '.join(map(_literal, values))}]"
    return "float" if all(isinstance(value, int | float) for value in values) else "Any"


def _literal(value: object) -> str:
    """A JSON value as Python."""
    match value:
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{_quoted(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
    return repr(value)


def _quoted(text: str) -> str:
    """A text as a Python string: JSON's escapes mean the same there."""
    return json.dumps(without_lone_surrogates(text), ensure_ascii=False)


def _capitalized(name: str) -> str:
    """`order_items` and "Order items" as OrderItems; Answer where no letter is left."""
    words = _identifier_characters(name).replace("_", " ").split()
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined.isidentifier() and not keyword.iskeyword(joined) else f"Answer{joined}"


def _singular(name: str) -> str:
    """A guess, for English: an entry of `books` is called Book, one of `categories` Category."""
    if name.endswith("ies"):
        return name[:-3] + "y"
    return re.sub(r"(?<=ss|ch|sh|.x)es$|(?<=[^su])s$", "", name)


def _field_name(key: str) -> str:
    """The key itself where Python and Pydantic allow it, else one like it."""
    name = _identifier_characters(key)
    if not name.isidentifier() or name.startswith(("_", "model_")):
        name = f"field_{name.strip('_')}"
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN or hasattr(BaseModel, name) else name


def _identifier_characters(text: str) -> str:
    """The text in the form Python compares names in, with _ for what a name cannot hold."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(character if f"a{character}".isidentifier() else "_" for character in normal)


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}{number}"
    return free
