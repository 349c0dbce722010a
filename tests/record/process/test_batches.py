"""Rows of a batch: taken out, changed, padded, and put back together."""

from __future__ import annotations

import pytest
import torch

from reproaudit.errors import UsageError
from reproaudit.record.process.batches import (
    Answers,
    Given,
    add_columns,
    add_rows,
    change_rows,
    find_mask,
    gather_given,
    name_args,
    take_rows,
)


def rows(*values: list[float]) -> Given:
    return gather_given((torch.tensor(values),), {})


def test_what_has_as_many_rows_is_split_and_all_else_is_given_to_each_call() -> None:
    table = torch.arange(12.0).view(3, 4)
    given = gather_given((table, 5), {"names": ["a", "b", "c"], "weights": torch.ones(2)})
    taken = take_rows(given, [2, 0])
    assert taken.args[0].tolist() == table[[2, 0]].tolist()
    assert taken.args[1] == 5
    assert taken.kwargs["names"] == ["c", "a"]
    assert taken.kwargs["weights"] is given.kwargs["weights"]


def test_rows_that_are_taken_lie_in_memory_of_their_own() -> None:
    given = rows([1.0, 2.0], [3.0, 4.0])
    assert take_rows(given, [1]).args[0].storage_offset() == 0


def test_inputs_without_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="no rows"):
        gather_given((torch.tensor(1.0), 3), {})


def test_other_content_keeps_shape_dtype_zeros_and_the_rows_that_are_kept() -> None:
    given = rows([1.0, 2.0, 0.0], [3.0, 0.0, 0.0], [5.0, 6.0, 7.0])
    changed = change_rows(given, [1]).args[0]
    assert changed.tolist() == [[1.0, 2.0, 0.0], [1.5, 0.0, 0.0], [5.0, 6.0, 7.0]]


def test_tokens_are_turned_round_and_their_padding_stays() -> None:
    given = gather_given((torch.tensor([[4, 5, 6, 0], [7, 7, 0, 0]]),), {})
    assert change_rows(given, [0]).args[0].tolist() == [[6, 5, 4, 0], [7, 7, 0, 0]]


def test_a_row_that_this_does_not_change_is_replaced_by_another() -> None:
    given = gather_given((torch.tensor([[4, 5], [7, 7]]),), {})
    assert change_rows(given, [1]).args[0].tolist() == [[4, 5], [4, 5]]


def test_a_mask_is_not_changed() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    given = gather_given((torch.ones(2, 2), mask), {})
    assert change_rows(given, [0, 1]).args[1].tolist() == mask.tolist()


def test_columns_are_hidden_by_the_mask_that_the_callable_takes() -> None:
    given = gather_given((torch.tensor([[4, 5], [6, 7]]),), {})
    names = ["tokens", "attention_mask"]
    mask = find_mask(names, given)
    assert mask == "attention_mask"
    padded, width = add_columns(given, mask, 2, is_filled=False)
    filled, _ = add_columns(given, mask, 2, is_filled=True)
    assert width == 2
    assert padded.args[0].tolist() == [[4, 5, 0, 0], [6, 7, 0, 0]]
    assert filled.args[0].tolist() == [[4, 5, 7, 7], [6, 7, 7, 7]]
    assert padded.kwargs["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]


def test_a_mask_that_is_given_is_extended_by_what_hides() -> None:
    tokens = torch.tensor([[4, 5]])
    hidden = torch.tensor([[False, True]])
    given = name_args(gather_given((tokens, hidden), {}), ["x", "key_padding_mask"])
    padded, _ = add_columns(given, "key_padding_mask", 1, is_filled=False)
    assert padded.kwargs["key_padding_mask"].tolist() == [[False, True, True]]


def test_without_a_mask_or_without_columns_there_are_no_columns_to_add() -> None:
    assert find_mask(["x"], rows([1.0, 2.0])) is None
    assert find_mask(["x", "mask"], gather_given((torch.ones(3),), {})) is None


def test_padding_rows_stand_behind_the_others() -> None:
    given = rows([1.0, 2.0], [3.0, 4.0])
    assert add_rows(given, 1, is_filled=False).args[0].tolist()[2] == [0.0, 0.0]
    assert add_rows(given, 1, is_filled=True).args[0].tolist()[2] == [1.0, 2.0]


# -- answers


def test_answers_come_back_in_the_order_of_the_rows_whatever_the_portions() -> None:
    answers = Answers(3)
    answers.add(torch.tensor([[30.0], [10.0]]), [2, 0], [2, 0], given=2, columns=None)
    answers.add(torch.tensor([[20.0]]), [1], [1], given=1, columns=None)
    assert answers.join().tolist() == [[10.0], [20.0], [30.0]]


def test_padding_and_rows_that_are_not_asked_for_are_left_out() -> None:
    answers = Answers(1)
    result = torch.tensor([[1.0, 2.0, 9.0], [8.0, 8.0, 8.0], [7.0, 7.0, 7.0]])
    answers.add(result, [0, 1], [0], given=3, columns=(3, 2))
    assert answers.join().tolist() == [[1.0, 2.0]]


def test_several_answers_have_names_and_one_without_rows_is_told() -> None:
    answers = Answers(2)
    result = {"logits": torch.ones(2, 3), "loss": torch.tensor(1.0)}
    answers.add(result, [0, 1], [0, 1], given=2, columns=None)
    assert list(answers.join()) == ["logits"]
    assert answers.without_rows == {".loss"}


def test_tokens_end_where_they_begin_to_repeat() -> None:
    alone, together = Answers(2), Answers(2)
    alone.add(torch.tensor([[5, 6, 2]]), [0], [0], given=1, columns=None)
    alone.add(torch.tensor([[5, 6, 7, 8, 2]]), [1], [1], given=1, columns=None)
    both = torch.tensor([[5, 6, 2, 2, 2], [5, 6, 7, 8, 2]])
    together.add(both, [0, 1], [0, 1], given=2, columns=None)
    assert torch.equal(alone.join(), together.join())


def test_texts_are_compared_by_their_bytes() -> None:
    answers = Answers(2)
    answers.add(["ab", "c"], [0, 1], [0, 1], given=2, columns=None)
    assert answers.join().tolist() == [[97, 98], [99, -1]]
