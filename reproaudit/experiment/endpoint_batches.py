"""Which prompts are asked at the same time: one again and again, several, or some that begin
alike."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from reproaudit.errors import UsageError

# Of the words of the longest prompt, the shares that the others are made of.
_SHARES = (8, 4, 2, 1)
PROMPTS = (
    "The capital of France is",
    "Write one sentence about the sea:",
    "Count from one to ten in words: one, two,",
    "A train leaves the station at noon and travels for three hours at sixty kilometres per hour. "
    "How far does it go? Answer with a number and its unit, and say how you found it:",
    "def is_prime(number):",
    "Translate into German: The weather is fine today, and we are going for a walk.",
)


class Mode(str, Enum):
    """What is asked together."""

    SINGLE = "single"  # one prompt, as often as the batch is large
    MIXED = "mixed"  # different prompts
    PREFIX = "prefix"  # prompts that are the beginnings of a long one


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts, by their numbers, that are asked at the same time."""

    mode: Mode
    size: int
    prompts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PromptSet:
    """All prompts, and the numbers of those that each mode asks."""

    texts: tuple[str, ...]
    by_mode: dict[Mode, tuple[int, ...]]


def make_prompts(given: Sequence[str] = ()) -> PromptSet:
    """Return the prompts of all modes, each once. `given` stand in the place of our own."""
    mixed = tuple(dict.fromkeys(given or PROMPTS))
    words = " ".join(mixed).split(" ")
    beginnings = [" ".join(words[: max(len(words) // share, 1)]) for share in _SHARES]
    texts = tuple(dict.fromkeys((*mixed, *beginnings)))
    places = {text: number for number, text in enumerate(texts)}
    by_mode = {
        Mode.SINGLE: (0,),
        Mode.MIXED: tuple(places[text] for text in mixed),
        Mode.PREFIX: tuple(dict.fromkeys(places[text] for text in beginnings)),
    }
    return PromptSet(texts, by_mode)


def plan_batches(prompts: PromptSet, mode: Mode, size: int, requests: int) -> Iterator[Batch]:
    """Yield batches of `size` until at least so many requests were made, the same ones each time.

    Each prompt stands beside others, and at another place, from batch to batch.
    """
    numbers = prompts.by_mode[mode]
    order = random.Random(size)
    waiting: list[int] = []
    made = 0
    while made < requests:
        while len(waiting) < size:
            again = list(numbers)
            order.shuffle(again)
            waiting += again
        batch, waiting = waiting[:size], waiting[size:]
        yield Batch(mode, size, tuple(batch))
        made += size


def read_sizes(texts: Sequence[str]) -> tuple[int, ...]:
    """Return the sizes of batches that `batch=1,2,8` names; some of our own if nothing is named.

    Raises UsageError for anything else: a server is varied in nothing but what it is asked.
    """
    sizes: list[int] = []
    for text in texts:
        name, _, values = text.partition("=")
        if name.strip() != "batch" or not values:
            raise UsageError(
                f"an endpoint cannot be varied by {text!r}",
                code="endpoint-variation",
                hint="only how many requests it has at once can be: --vary batch=1,2,8",
            )
        for value in values.split(","):
            if not value.strip().isdecimal() or not 1 <= int(value) <= 1024:
                raise UsageError(
                    f"a batch cannot be {value.strip()!r}",
                    code="endpoint-variation",
                    hint="its size is a whole number from 1 to 1024",
                )
            sizes.append(int(value))
    return tuple(dict.fromkeys(sizes)) or (1, 2, 4, 8)
