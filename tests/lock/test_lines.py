"""Single lines of a lock: what each part stands for, and what no line may hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reproaudit.codec import Malformed
from reproaudit.lock.lines import (
    Place,
    read_count,
    read_digest,
    read_file,
    read_operator,
    read_pair,
    read_setting,
    read_steps,
    read_tensor,
    read_word,
)
from reproaudit.lock.model import LockedOp, LockedTensor

PLACE = Place(process="child-1", step=4)


def test_a_word_stands_for_nothing_for_itself_or_for_bytes_of_utf_8() -> None:
    words = ("-", "%2D", "a%20b", "%C3%BC", "c-%25")
    assert [read_word(word) for word in words] == ["", "-", "a b", "ü", "c-%"]


def test_a_line_of_a_tensor_is_read_with_and_without_its_value() -> None:
    loss = LockedTensor(
        process="child-1",
        step=4,
        kind="loss",
        name="a loss",
        tensor="float32[]",
        digest="00000000000000ff",
        value="0.5",
    )
    assert read_tensor("loss         00000000000000ff float32[] a%20loss 0.5", PLACE) == loss
    without = read_tensor("parameter    varies float32[3] -", PLACE)
    assert (without.digest, without.name, without.value) == ("varies", "", "")


def test_a_line_of_an_operator_is_read_with_its_place_and_its_generator() -> None:
    drawn = LockedOp(
        process="child-1",
        step=4,
        phase="forward",
        op="aten::uniform_",
        path="lib/a:b.py",
        line=7,
        module="",
        inputs="outside",
        outputs="000000b1",
        generator="0000cafe",
    )
    text = "forward   outside  000000b1 aten::uniform_ lib/a:b.py:7 - generator=0000cafe"
    assert read_operator(text, PLACE) == drawn


def test_names_files_settings_and_steps_are_read_in_their_own_forms() -> None:
    assert read_pair("cpu model: A: B  C") == ("cpu model", "A: B  C")
    assert read_file("00000000000000ff lib/opt%20im.py") == ("lib/opt im.py", "00000000000000ff")
    assert read_setting('env.A "1 %25"') == ("env.A", "1 %")
    assert (read_steps("all"), read_steps("12")) == (None, 12)


@pytest.mark.parametrize(
    ("read", "text", "fault"),
    [
        (read_word, "", "is no word of a lock"),
        (read_word, "%2d", "is no word of a lock"),
        (read_word, "%FF", "is not UTF-8"),
        (read_count, "1234567890", "is no number"),
        (read_count, "\u0663", "is no number"),
        (read_count, "-1", "is no number"),
        (read_pair, "threads:2", "is not NAME: VALUE"),
        (read_file, "00000000000000ff", "holds 1 words, not 2"),
        (read_setting, "seed 0x1", "the value of the setting 'seed' is no JSON"),
        (lambda text: read_digest(text, 8), "000000FF", "no digest of 8"),
        (lambda text: read_digest(text, 8), "0000000", "no digest of 8"),
        (lambda text: read_tensor(text, PLACE), "loss varies float32[]", "is not KIND"),
        (lambda text: read_operator(text, PLACE), "data varies varies mm a.py -", "is not PHASE"),
        (
            lambda text: read_operator(text, PLACE),
            "data varies varies mm a.py:1 - drawn=00000001",
            "is not PHASE",
        ),
    ],
)
def test_what_is_no_such_line_is_refused(
    read: Callable[[str], object], text: str, fault: str
) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert fault in caught.value.fault


def test_the_line_of_a_cell_is_read_with_its_cell() -> None:
    text = "forward   outside  000000b1 aten::uniform_ n.ipynb:7 - cell=3 generator=0000cafe"
    found = read_operator(text, PLACE)
    assert (found.place, found.generator) == ("n.ipynb, cell 3, line 7", "0000cafe")
    with pytest.raises(Malformed):
        read_operator(text.replace("cell=3", "cell=x"), PLACE)
