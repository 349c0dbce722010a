"""A language model of transformers, asked for its tokens in batches of 1, 2 and 4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leaks import find_leak
from reproaudit.comparison.regroup import find_regrouped_source
from reproaudit.config.portions import Neighbours, Portions, Watched
from reproaudit.record.process.batches import gather_given
from tests.record.process.test_answers import ask

pytestmark = pytest.mark.seeded


@pytest.fixture(scope="module")
def model() -> Any:
    transformers = pytest.importorskip("transformers", reason="the extra is not installed")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=97,
            n_positions=32,
            n_embd=64,
            n_layer=2,
            n_head=4,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            attn_implementation="eager",
        )
        return transformers.GPT2LMHeadModel(config).eval()


def make_answer(model: Any, shift: int = 0) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
    @torch.no_grad()
    def answer(tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        tokens = tokens.roll(shift, 0) if shift else tokens
        made = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=3,
            do_sample=False,
            output_scores=True,
            return_dict_in_generate=True,
        )
        return {"tokens": made.sequences, "scores": torch.stack(made.scores, 1)}

    return answer


def prompts() -> torch.Tensor:
    return torch.randint(3, 97, (4, 6), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("size", [2, 4])
def test_scores_of_a_batch_are_rounded_otherwise_from_a_product_on(
    tmp_path: Path, model: Any, size: int
) -> None:
    given = gather_given((prompts(),), {})
    alone, answer = ask(tmp_path, make_answer(model), given, Portions(size=1))
    together, other = ask(tmp_path, make_answer(model), given, Portions(size=size))
    assert not torch.equal(answer["scores"], other["scores"])
    found = find_regrouped_source(alone, together, Interned())
    assert found is not None
    assert found.op == "aten::addmm"
    assert "c_attn" in found.module


def find_neighbours(folder: Path, answer: Callable[..., Any]) -> Any:
    given = gather_given((prompts(),), {})
    watched = Portions(size=4, watched=Watched.ROWS)
    own, _ = ask(folder, answer, given, watched)
    changed = Portions(size=4, watched=Watched.ROWS, neighbours=Neighbours.OTHER)
    other, _ = ask(folder, answer, given, changed)
    return find_leak(own, other, Interned())


def test_neighbours_do_not_matter_to_a_model_and_do_where_prompts_are_shifted(
    tmp_path: Path, model: Any
) -> None:
    assert find_neighbours(tmp_path, make_answer(model)) is None
    shifted = find_neighbours(tmp_path, make_answer(model, shift=1))
    assert shifted is not None
    assert shifted.op == "aten::roll"
    assert shifted.is_proof
