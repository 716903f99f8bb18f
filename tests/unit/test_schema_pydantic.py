"""A schema from pasted Pydantic classes: what Pydantic itself says of them."""

from __future__ import annotations

from typing import Any

import pytest

from chat.schema.pydantic_schema import pydantic_schema

IMPORTS = """
import datetime as dt
import enum
import typing as t
from datetime import date, datetime, time, timedelta
from enum import Enum, IntEnum, StrEnum, auto
from typing import Annotated, Any, ClassVar, Dict, FrozenSet, List, Literal, Optional, Sequence, Tuple, Union
from uuid import UUID

import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, confloat, conint, constr, field_validator
from pydantic import NonNegativeFloat, PositiveInt, StrictInt
"""

FIELDS = """
a: str
a: int = 3
a: float = -1.5
a: bool = True
a: None
a: date
a: datetime
a: time | None = None
a: timedelta
a: dt.datetime
a: UUID
a: Any
a: object
a: StrictInt
a: PositiveInt
a: NonNegativeFloat
a: list
a: list[int]
a: List["int"] = []
a: t.List[t.Optional[int]]
a: Sequence[str]
a: tuple
a: tuple[int, ...]
a: tuple[int, str]
a: Tuple[()]
a: dict
a: dict[str, Any]
a: Dict[str, list[int]] = {"x": [1]}
a: Optional[str]
a: Optional[str] = None
a: Union[int, str, None]
a: int | None | list[int] = Field(default=None)
a: Union[int, Union[str, int]]
a: Optional[Union[int, None]]
a: Literal["x"]
a: Literal["x", "y"] = "x"
a: Literal[1, -2]
a: Literal[True]
a: Literal["x", 1]
a: Literal["x", None]
a: Optional[Literal["x", "y"]] = "x"
a: "Optional[int]" = None
a: int = Field(ge=1, le=10)
a: float = Field(gt=0, lt=1.5, multiple_of=0.5)
a: int = Field(3, description="How many")
a: int = Field(..., description='It"s')
a: str = Field(min_length=1, max_length=5, pattern=r"^\\d+$")
a: list[int] = Field(min_length=1, max_length=5)
a: dict[str, int] = Field(min_length=1)
a: Optional[str] = Field(None, min_length=2, description="x")
a: list[str] = Field(default_factory=list)
a: Annotated[int, Field(ge=1)] = 3
a: Annotated[Optional[int], Field(ge=1, description="x")] = None
a: Annotated[str, StringConstraints(min_length=1)] | None
a: list[Annotated[str, Field(min_length=1, description="item")]] = Field(min_length=1)
a: Annotated[str, Field(alias="a-b")]
a: Annotated[str, Field(description="x")] = Field("d", max_length=3)
a: int = Field(alias="class")
a: int = Field(alias="x", validation_alias="y", serialization_alias="z")
a: pydantic.StrictStr = pydantic.Field(frozen=True)
a: constr(min_length=1, pattern="^a")
a: conint(ge=1, multiple_of=2) | None
a: confloat(gt=0) = 1
""".strip().splitlines()

MODULES = [
    # forward, nested and repeated references; enumerations with and without a mixin
    '''
class Status(StrEnum):
    OPEN = auto()
    CLOSED = auto()

class Genre(str, Enum):
    """Kind of book"""
    novel = "novel"
    poem = "poem"

class Library(BaseModel):
    """All of
    it."""

    books: list["Book"]
    first: Book | None = Field(None, description="The first")
    by_name: dict[str, Book] = {}
    status: Status = Status.OPEN

class Book(BaseModel):
    """One book."""
    model_config = ConfigDict(extra="forbid")
    title: str
    genre: Genre = Field(Genre.novel, description="Which")
    size: Size
    level: Level

class Size(IntEnum):
    SMALL = 1
    BIG = 2

class Level(enum.Enum):
    ONE = auto()
    TWO = auto()
''',
    # inheritance, an override, what is skipped
    '''
class Base(BaseModel, extra="allow"):
    kind: ClassVar[str] = "x"
    _hidden: int = 3
    id: int
    name: str = "x"

class Derived(Base):
    """Derived"""
    extra_field: Optional[int] = None
    name: Literal["a", "b"]

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        """Never run."""
        return value

    def method(self) -> int:
        return 1
''',
    # several bases, a diamond
    """
class Top(BaseModel):
    t: int
class Left(Top):
    l: int
class Right(Top):
    model_config = {"extra": "forbid"}
    r: int
class Whole(Left, Right):
    w: int
""",
    # type aliases
    """
Tags = list[str]
MaybeTags = Optional[Tags]
class Tagged(BaseModel):
    tags: Tags
    more: MaybeTags = None
    text: Text
Text = Annotated[str, Field(max_length=9)]
""",
    "class Empty(BaseModel):\n    pass\n",
]


def by_pydantic(source: str, name: str) -> dict[str, Any]:
    """What Pydantic says of a class, references replaced by what they mean, without titles."""
    namespace: dict[str, Any] = {"__name__": "pasted"}
    # Annotations stay text, so that the order of classes does not matter.
    exec(compile(f"from __future__ import annotations\n{IMPORTS}{source}", "pasted", "exec"), namespace)
    model = namespace[name]
    model.model_rebuild(_types_namespace=namespace)
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any, names: bool = False) -> Any:
        if isinstance(part, list):
            return [inlined(entry) for entry in part]
        if not isinstance(part, dict):
            return part
        part = {**definitions[part["$ref"].split("/")[-1]], **part} if "$ref" in part else part
        kept = {key: value for key, value in part.items() if names or key not in ("title", "$ref")}
        return {key: inlined(value, key == "properties" and not names) for key, value in kept.items()}

    result: dict[str, Any] = inlined(schema)
    return result


@pytest.mark.parametrize("line", FIELDS)
def test_a_field_means_what_pydantic_says(line: str) -> None:
    source = f"class M(BaseModel):\n    {line}\n"
    assert pydantic_schema(source) == by_pydantic(source, "M")


@pytest.mark.parametrize(
    ("source", "name"), list(zip(MODULES, ["Library", "Derived", "Whole", "Tagged", "Empty"], strict=True))
)
def test_classes_mean_what_pydantic_says(source: str, name: str) -> None:
    schema, expected = pydantic_schema(IMPORTS + source), by_pydantic(source, name)
    assert schema == expected
    assert list(schema["properties"]) == list(expected["properties"])


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("set[int]", {"type": "array", "items": {"type": "integer"}}),
        ("frozenset[int]", {"type": "array", "items": {"type": "integer"}}),
        ("Decimal", {"type": "number"}),
        ("HttpUrl", {"type": "string", "format": "uri"}),
        ("EmailStr", {"type": "string", "format": "email"}),
    ],
)
def test_what_the_server_cannot_enforce_is_left_out(kind: str, schema: dict[str, Any]) -> None:
    assert pydantic_schema(f"class M(BaseModel):\n a: {kind}")["properties"] == {"a": schema}


def test_the_root_is_the_last_class_that_no_other_refers_to() -> None:
    a, b, c = (f"class {name}(BaseModel):\n    {name.lower()}: {{}}\n" for name in "ABC")

    def root(source: str) -> list[str]:
        return list(pydantic_schema(source)["properties"])

    assert root(a.format("int") + b.format("int")) == ["b"]
    assert root(a.format("B") + b.format("int")) == ["a"]
    assert root(a.format("'list[B]'") + b.format("Optional['C']") + c.format("int")) == ["a"]
    assert root(a.format("int") + b.format("Literal['A']")) == ["b"]
    assert root(b.format("Literal['A']") + a.format("int")) == ["a"]
    assert root(a.format("Bs") + b.format("int") + "Bs = list[B]\n") == ["a"]
    # a base is referred to by what derives from it
    assert root("class D(A):\n    d: int\n" + a.format("int")) == ["a", "d"]
