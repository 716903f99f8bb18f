"""Pasted Python that is no schema: an error with the line, and nothing of it is executed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.schema.example import LONGEST_SOURCE, ConversionError
from chat.schema.pydantic_schema import MAX_PARTS, pydantic_schema
from chat.texts import LANGUAGES, text


@pytest.mark.parametrize(
    ("source", "key", "line"),
    [
        ("class M(BaseModel):\n a: int\n b: open('/etc/passwd')", "take_away_unknown_type", 3),
        ("class M(BaseModel):\n a: Unknown", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: 'Unknown'", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: 'int['", "take_away_not_understood", 2),
        ("class E(Enum):\n x = E.x\nclass M(BaseModel):\n a: E", "take_away_not_understood", 2),
        (
            "class E(Enum):\n x = F.x\nclass F(Enum):\n x = E.x\nclass M(BaseModel):\n a: E",
            "take_away_not_understood",
            4,
        ),
        ("class M(BaseModel):\n a: dict[int, str]", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: Union[()]", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: Literal[()]", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: Literal[(1, 2), [3]]", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: Optional", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: lambda: 1", "take_away_unknown_type", 2),
        ("class P: pass\nclass M(BaseModel):\n a: P", "take_away_unknown_type", 3),
        ("class M(Mixin, BaseModel):\n a: int", "take_away_unknown_type", 1),
        ("class M(BaseModel, Generic[T]):\n a: int", "take_away_unknown_type", 1),
        ("class M(BaseModel):\n a: int = now()", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: str = f'{x}'", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: str = '\\ud800'", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: float = 1e999", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: float = -1e999", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: dict = {**x}", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: bytes", "take_away_unknown_type", 2),
        ("class M(BaseModel):\n a: int = Field(json_schema_extra={})", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: int = Field(**x)", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: int = Field(ge='1')", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: int = Field(alias=AliasPath('x'))", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: int = Field(min_length=1)", "take_away_misfit", 2),
        ("class M(BaseModel):\n a: int | str = Field(ge=1)", "take_away_misfit", 2),
        ("class M(BaseModel):\n a: Annotated[int, AfterValidator(f)]", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: int\n b = 3", "take_away_not_understood", 3),
        ("class M(BaseModel):\n a: int\n class Config:\n  extra = 'forbid'", "take_away_not_understood", 3),
        ("class M(BaseModel):\n model_config = ConfigDict(alias_generator=f)\n a: int", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: 'M | None'", "take_away_recursive", 2),
        ("class A(BaseModel):\n b: B\nclass B(BaseModel):\n a: list[A]", "take_away_recursive", 4),
        ("class A(B, BaseModel): pass\nclass B(A): pass", "take_away_recursive", 2),
        ("X = list[X]\nclass M(BaseModel):\n a: X", "take_away_recursive", 1),
        ("class E(Enum):\n pass\nclass M(BaseModel):\n a: E", "take_away_unknown_type", 4),
        ("class E(Enum):\n a = (1, 2)\nclass M(BaseModel):\n a: E", "take_away_not_understood", 2),
        ("class E(Enum):\n a = f()\nclass M(BaseModel):\n a: E", "take_away_not_understood", 2),
        ("class M(BaseModel):\n a: " + "list[" * 30 + "int" + "]" * 30, "take_away_too_deep", 2),
        ("class M(BaseModel)\n a: int", "take_away_no_python", 1),
        ("class M(BaseModel):\n a: int\n  b: int", "take_away_no_python", 3),
        ("a\0b", "take_away_no_python", 1),
        ("(" * 30000, "take_away_no_python", 1),
        ("x = " + "-" * 60000 + "1", "take_away_no_python", 1),
        ("\ud800", "take_away_no_python", 1),
        ("x" * (LONGEST_SOURCE + 1), "take_away_too_long", 1),
        ("", "take_away_no_model", 1),
        ("class M:\n a: int", "take_away_no_model", 1),
        ("@dataclass\nclass M:\n a: int", "take_away_no_model", 1),
        (
            "class M(BaseModel): pass\n" + "".join(f"class M{n}(M): pass\n" for n in range(300)),
            "take_away_too_large",
            1,
        ),
    ],
)
def test_what_cannot_be_told_is_an_error_with_the_line(source: str, key: str, line: int) -> None:
    with pytest.raises(ConversionError) as refused:
        pydantic_schema(source)
    assert (refused.value.key, refused.value.line) == (key, line)
    for language in LANGUAGES:
        assert text(language, key, **refused.value.values)


def test_an_error_quotes_what_is_wrong() -> None:
    with pytest.raises(ConversionError) as refused:
        pydantic_schema("class M(BaseModel):\n    书: Optional[Buch]\n")
    assert refused.value.values["code"] == "Buch"


def test_classes_that_multiply_are_refused() -> None:
    source = "class C0(BaseModel):\n a: int\n"
    for number in range(1, 12):
        fields = "".join(f" f{n}: C{number - 1}\n" for n in range(10))
        source += f"class C{number}(BaseModel):\n{fields}"
    with pytest.raises(ConversionError) as refused:
        pydantic_schema(source)
    assert refused.value.values["limit"] == MAX_PARTS


@pytest.mark.parametrize(
    "source", ["+".join("a" * 30000), ".".join("a" * 30000), "a" + "[0]" * 20000, "|".join("a" * 30000)]
)
@pytest.mark.parametrize("place", ["{}", "class M(BaseModel):\n a: {}", "class M(BaseModel):\n a: int = {}"])
def test_no_source_is_too_nested_to_be_refused(source: str, place: str) -> None:
    with pytest.raises(ConversionError):
        pydantic_schema(place.format(source))


def test_nothing_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    run = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    pydantic_schema(
        f"{run}\nimport no_such_module\nclass M(BaseModel):\n a: int\n {run}\n def f(self, x={run}): {run}\n"
    )
    for line in (f"a: {run}", f"a: '{run!r}'", f"a: int = {run}", f"a: Annotated[int, {run}]", f"a: list[{run}]"):
        with pytest.raises(ConversionError):
            pydantic_schema(f"class M(BaseModel):\n    {line}\n")
    assert not trace.exists()


pieces = st.sampled_from(
    [
        *("class M(BaseModel):\n", "class E(Enum):\n", " a: ", " x = ", "\n", "Field(", "ge=", "description=", "E.x"),
        *("int", "str", "list[", "dict[str, ", "Optional[", "Literal[", "Annotated[", "Union[", "M", "E", "lambda: "),
        *("1", "None", "...", *"'\"],()={}-|\\#@*"),
    ]
)


@settings(max_examples=500)
@given(st.lists(pieces, max_size=12))
def test_no_source_makes_it_fail_otherwise(parts: list[str]) -> None:
    with contextlib.suppress(ConversionError):
        json.dumps(pydantic_schema("class M(BaseModel):\n a: " + "".join(parts)), allow_nan=False)
