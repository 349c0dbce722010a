"""The codec: what is written comes back equal, and what is wrong is named by its place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.codec import AtLeast0, Malformed, decode, encode, parse_json, parse_toml
from reproaudit.errors import UsageError


class Colour(Enum):
    RED = "red"
    DEEP_BLUE = "deep-blue"


class Phase(IntEnum):
    FORWARD = 1
    BACKWARD = 2


@dataclass(frozen=True, slots=True)
class Place:
    path: Path
    line: Annotated[int, AtLeast0]


@dataclass(frozen=True, slots=True)
class Options:
    OMITS_DEFAULTS: ClassVar[bool] = True

    name: str
    size: int = 3
    words: tuple[str, ...] = ()
    table: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Even:
    """Says itself what it is in a document."""

    half: int

    def to_plain(self) -> int:
        return 2 * self.half

    @classmethod
    def from_plain(cls, value: Any) -> Even:
        if type(value) is not int or value % 2:
            raise UsageError(f"{value} is odd", code="odd", hint="add one")
        return cls(value // 2)


@dataclass(frozen=True, slots=True)
class Document:
    text: str
    number: float
    flag: bool
    colour: Colour
    phase: Phase
    place: Place | None
    places: tuple[Place, ...]
    pair: tuple[int, str]
    named: tuple[tuple[str, int], ...]
    table: dict[str, str]
    options: Options
    even: Even


TEXT = st.text()  # lone surrogates too: a file name that is no UTF-8 holds them
PLACE = st.builds(Place, path=TEXT.map(Path), line=st.integers(0))
DOCUMENT = st.builds(
    Document,
    number=st.floats(allow_nan=False),
    place=st.none() | PLACE,
    places=st.lists(PLACE, max_size=3).map(tuple),
    named=st.dictionaries(TEXT, st.integers(), max_size=3).map(lambda table: tuple(table.items())),
    text=TEXT,
)
EXAMPLE = Document(
    text="a",
    number=1.5,
    flag=True,
    colour=Colour.DEEP_BLUE,
    phase=Phase.BACKWARD,
    place=None,
    places=(Place(Path("train.py"), 41),),
    pair=(1, "b"),
    named=(("z", 1), ("a", 2)),
    table={"k": "v"},
    options=Options("o"),
    even=Even(2),
)


@given(DOCUMENT)
def test_a_document_is_read_back_as_it_was_written(document: Document) -> None:
    text = json.dumps(encode(Document, document), allow_nan=False)
    assert decode(Document, parse_json(text)) == document


def test_a_document_holds_words_and_not_the_numbers_of_enums() -> None:
    plain = encode(Document, EXAMPLE)
    assert (plain["colour"], plain["phase"]) == ("deep-blue", "backward")
    assert plain["named"] == {"z": 1, "a": 2}
    assert list(plain["named"]) == ["z", "a"]
    assert (plain["options"], plain["even"]) == ({"name": "o"}, 4)


def test_what_has_its_default_may_be_missing_only_where_the_class_says_so() -> None:
    assert decode(Options, {"name": "o"}) == Options("o")
    with pytest.raises(Malformed, match="no key 'name'"):
        decode(Options, {"size": 1})


@pytest.mark.parametrize("name", sorted(Document.__dataclass_fields__))
def test_a_missing_key_is_named(name: str) -> None:
    plain = encode(Document, EXAMPLE)
    del plain[name]
    with pytest.raises(Malformed, match=f"^no key '{name}'$"):
        decode(Document, plain)


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    plain = encode(Document, EXAMPLE)
    plain["places"][0]["lien"] = 3
    with pytest.raises(Malformed, match=r"^places\[0\]: unknown key 'lien'$") as caught:
        decode(Document, plain)
    assert caught.value.hint == "did you mean 'line'?"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("text", 1, "text: expected a text, found a whole number"),
        ("flag", 1, "flag: expected true or false, found a whole number"),
        ("number", True, "number: expected a number, found true or false"),
        ("number", 10**400, "number: the number is too large"),
        ("colour", "DEEP_BLUE", "colour: expected one of red, deep-blue, found 'DEEP_BLUE'"),
        ("phase", 2, "phase: expected one of forward, backward, found 2"),
        ("places", [{"path": "a", "line": "4"}], "places[0].line: expected a whole number, found"),
        ("places", [{"path": "a", "line": True}], "places[0].line: expected a whole number, found"),
        (
            "place",
            {"path": "a", "line": -1},
            "place.line: expected a whole number from 0, found -1",
        ),
        ("places", None, "places: expected a list, found null"),
        ("pair", [1], "pair: expected 2 values, found 1"),
        ("pair", [1, 2], "pair[1]: expected a text, found a whole number"),
        ("named", {"a": "b"}, "named['a']: expected a whole number, found a text"),
        ("table", {"a\x1b": 1}, r"table['a\x1b']: expected a text, found a whole number"),
        ("even", 3, "even: 3 is odd"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(key: str, value: object, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(Document, encode(Document, EXAMPLE) | {key: value})
    assert str(caught.value).startswith(message)


def test_numbers_that_json_has_not_are_texts() -> None:
    assert encode(tuple[float, ...], (math.inf, -math.inf)) == ["inf", "-inf"]
    assert math.isnan(decode(float, encode(float, math.nan)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not JSON"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ('{"a": {"b": 1, "b": 2}}', "an object holds a key twice"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "a number too long"),
        ("{}\n{}", "line 2"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_json(text)


def test_toml_that_is_none_is_refused() -> None:
    assert parse_toml("a = {b = 1}") == {"a": {"b": 1}}
    with pytest.raises(Malformed, match="it is not TOML"):
        parse_toml("a = ")


@pytest.mark.parametrize("part", ["a", '"a"', "'a' "])
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "a = {{b = 1, {} = 1}}"])
def test_a_toml_key_of_very_many_parts_is_refused_without_being_read(part: str, form: str) -> None:
    with pytest.raises(Malformed, match="nested too deeply"):
        parse_toml(form.format(".".join([part] * 1_000_000)))


def test_dots_in_a_toml_text_are_no_parts_of_a_key() -> None:
    dots = ".".join(["a"] * 1000)
    assert parse_toml(f'a = "{dots}"\n') == {"a": dots}
