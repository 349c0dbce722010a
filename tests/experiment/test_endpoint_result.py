"""Where two answers to one prompt part, and what is concluded from many. Nobody is asked."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from reproaudit.errors import SubjectError
from reproaudit.experiment.endpoint_batches import Mode, make_prompts, plan_batches
from reproaudit.experiment.endpoint_client import Answer, Endpoint, EndpointOptions
from reproaudit.experiment.endpoint_result import Asked, Condition, make_endpoint_result
from reproaudit.model.question import VariationOutcome
from reproaudit.model.result import AuditResult

ENDPOINT = Endpoint(EndpointOptions(url="http://127.0.0.1:1/v1", model="small"))
PROMPTS = make_prompts(["one"])


def answer(text: str, numbers: Sequence[float] = (), ending: str = "stop") -> Answer:
    """Return an answer whose tokens are its letters, if it has probabilities."""
    packed = tuple(struct.pack(">d", number) for number in numbers)
    return Answer(text, tuple(text) if packed else (), packed, ending)


def conclude(alone: Answer, *others: Answer, again: Answer | None = None) -> AuditResult:
    asked = [
        Asked(Condition("alone"), [(0, alone)]),
        Asked(Condition("alone, again"), [(0, again or alone)]),
        Asked(Condition("single", Mode.SINGLE, 2), [(0, other) for other in others]),
    ]
    return make_endpoint_result(ENDPOINT, PROMPTS, asked, wanted=[(Mode.SINGLE, 2)], failure=None)


def outcome(alone: Answer, *others: Answer) -> VariationOutcome:
    (found,) = conclude(alone, *others).variations
    return found


SEA = answer("sea", [-0.5, -0.25, -1.0])


def test_the_first_other_token_is_named() -> None:
    found = outcome(SEA, SEA, answer("set", [-0.5, -0.25, -1.5]))
    assert found.tensor == "token 2"
    assert found.why.endswith("the first from token 2 on: 't' for 'a'")
    assert found.difference is None  # up to there every probability is the same


def test_a_probability_that_differed_before_is_named_first() -> None:
    above = struct.unpack(
        "<f", struct.pack("<i", struct.unpack("<i", struct.pack("<f", 0.25))[0] + 3)
    )[0]
    found = outcome(SEA, answer("set", [-0.5, -above, -1.5]))
    assert found.tensor == "token 1"
    assert "'t' for 'a', after the probability of token 1" in found.why
    assert found.difference is not None
    assert (found.difference.elements, found.difference.differing) == (2, 1)
    assert found.difference.max_ulp == 3  # of float32, for all of them are such numbers


def test_probabilities_are_compared_bit_for_bit() -> None:
    zero = outcome(answer("s", [0.0]), answer("s", [-0.0]))
    assert zero.tensor == "token 0"
    nan = float("nan")
    assert outcome(answer("s", [nan]), answer("s", [nan])).tensors == 0


def test_an_answer_that_is_longer_or_ends_otherwise_differs() -> None:
    longer = outcome(SEA, answer("seal", [-0.5, -0.25, -1.0, -2.0]))
    assert "from token 3 on: 'l' for no further token" in longer.why
    cut = outcome(answer("sea"), answer("sea", ending="length"))
    assert "by how it ends: 'length' for 'stop'" in cut.why


def test_without_probabilities_the_first_other_character_is_named() -> None:
    found = outcome(answer("the sea"), answer("the set"))
    assert (found.tensor, found.tensors) == ("answer", 1)
    assert found.why.endswith("the first from character 6 on")


def test_a_server_that_is_not_stable_alone_is_told_to_be_so_first() -> None:
    result = conclude(SEA, SEA, again=answer("set", [-0.5, -0.25, -1.5]))
    assert result.verdict.value == "not-reproducible"
    assert result.headline.startswith("a prompt that is asked alone gets other answers")


@pytest.mark.parametrize("size", [1, 3, 8])
def test_batches_are_whole_and_the_same_each_time(size: int) -> None:
    prompts = make_prompts()
    for mode in Mode:
        batches = list(plan_batches(prompts, mode, size, 10))
        assert batches == list(plan_batches(prompts, mode, size, 10))
        assert {len(batch.prompts) for batch in batches} == {size}
        assert 10 <= sum(len(batch.prompts) for batch in batches) < 10 + size
        assert {number for batch in batches for number in batch.prompts} <= set(
            prompts.by_mode[mode]
        )


def test_prompts_that_begin_alike_are_beginnings_of_one_text() -> None:
    prompts = make_prompts()
    texts = [prompts.texts[number] for number in prompts.by_mode[Mode.PREFIX]]
    assert len(texts) == 4
    assert all(texts[-1].startswith(text) for text in texts)


@pytest.mark.parametrize(
    "logprobs",
    [["none"], "none", {"content": [["token"]]}, {"tokens": ["a"], "token_logprobs": ["low"]}],
)
def test_probabilities_of_another_form_are_no_answer(
    logprobs: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"choices": [{"text": "a", "logprobs": logprobs}]}
    monkeypatch.setattr(Endpoint, "_exchange", lambda *_: document)
    with pytest.raises(SubjectError) as failed:
        ENDPOINT.ask("one")
    assert failed.value.code == "endpoint-answer"
