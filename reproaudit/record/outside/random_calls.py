"""The calls that draw random numbers or seed generators: of Python, NumPy and torch."""

from __future__ import annotations

import _random
import random
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from reproaudit.record.outside.watched_calls import (
    MAX_REPR,
    CallerScope,
    RecordedValue,
    WatchedCall,
)
from reproaudit.record.state import rng

_ReadState = Callable[[], Any]

_DRAWS = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate "
    "lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate paretovariate "
    "weibullvariate getrandbits randbytes"
).split()
_SECRETS = ("randbelow", "token_bytes", "token_hex", "token_urlsafe", "randbits", "choice")
_getstate = _random.Random.getstate  # not a subclass's own


def list_python_calls() -> Iterator[WatchedCall]:
    """Yield the calls of random, and those of secrets and SystemRandom, which have no state."""
    for draw in _DRAWS:
        yield WatchedCall(random, draw, f"random.{draw}", rng.python_state)
    yield WatchedCall(random, "seed", "random.seed", value=_seed_of_function)
    yield WatchedCall(
        random.Random,
        "__init__",
        "random.Random",
        counts=_draws_numbers,
        value=_seed_of_method,
    )
    yield WatchedCall(
        random.Random,
        "seed",
        "random.Random.seed",
        counts=_draws_numbers,
        value=_seed_of_method,
    )
    for method in ("random", "getrandbits"):
        # Its other methods live in Python's own `random` module and call these two.
        yield WatchedCall(
            random.SystemRandom,
            method,
            f"random.SystemRandom.{method}",
            callers=CallerScope.ANY,
        )
    for function in _SECRETS:
        yield WatchedCall(secrets, function, f"secrets.{function}")


def _draws_numbers(args: Any, kwargs: Any) -> bool:
    return not isinstance(args[0], random.SystemRandom)  # which has no state


def _seed_of_function(result: Any, args: Any, kwargs: Any) -> Any:
    given = (*args, *kwargs.values())
    return _seed_or_state(given, random.getstate)


def _seed_of_method(result: Any, args: Any, kwargs: Any) -> Any:
    generator, *rest = args
    given = (*rest, *kwargs.values())

    def read_state() -> Any:
        return _getstate(generator)

    return _seed_or_state(given, read_state)


def _seed_or_state(given: tuple[Any, ...], read_state: _ReadState) -> Any:
    """Return what a seeding is recorded by: its seed, or the state that it led to.

    Without a seed the operating system was asked for one, and only the new state shows its answer.
    """
    if given and given[0] is not None:
        return given
    state = repr(read_state())
    return RecordedValue("no seed", state.encode())


def list_numpy_calls() -> Iterator[WatchedCall]:
    """Yield the calls of numpy.random; none if the program has not imported NumPy."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    legacy = numpy.random.mtrand._rand
    no_draws = ("get_state", "set_state", "seed")
    # The module's functions are methods of one hidden generator, bound when NumPy was imported.
    members = list(vars(numpy.random).items())
    for attribute, member in members:
        is_of_legacy = getattr(member, "__self__", None) is legacy
        if is_of_legacy and attribute not in no_draws:
            yield WatchedCall(
                numpy.random,
                attribute,
                f"numpy.random.{attribute}",
                state=rng.numpy_state,
                value=_content,
            )
    yield WatchedCall(numpy.random, "seed", "numpy.random.seed", value=_arguments)
    yield WatchedCall(numpy.random, "default_rng", "numpy.random.default_rng", value=_numpy_seed)
    # Every generator that is made or seeded without a seed asks here for one: default_rng,
    # RandomState, PCG64, …
    yield WatchedCall(numpy.random.bit_generator, "randbits", "numpy.random.SeedSequence")
    # RandomState(seed) asks too, and then does not use the answer: this call, which follows at
    # once, shows it.
    yield WatchedCall(
        numpy.random.MT19937,
        "_legacy_seeding",
        "numpy.random.RandomState",
        value=_legacy_seed,
        counts=_has_legacy_seed,
    )


def _legacy_seed(result: Any, args: Any, kwargs: Any) -> Any:
    return args[1:]


def _has_legacy_seed(args: Any, kwargs: Any) -> bool:
    return args[1] is not None


def _numpy_seed(result: Any, args: Any, kwargs: Any) -> Any:
    given = _arguments(result, args, kwargs)
    for seed in given:
        # A generator that is passed through has no seed, and is shown by its address.
        if hasattr(seed, "bit_generator") or hasattr(seed, "random_raw"):
            return None
    return given


def list_torch_calls() -> Iterator[WatchedCall]:
    """Yield the calls that seed torch: its draws are ops, which are recorded as such."""
    for owner in (torch, torch.random):
        yield WatchedCall(owner, "manual_seed", "torch.manual_seed", value=_arguments)
        yield WatchedCall(owner, "seed", "torch.seed")
    yield WatchedCall(torch.Generator, "seed", "torch.Generator.seed")
    yield WatchedCall(
        torch.Generator,
        "manual_seed",
        "torch.Generator.manual_seed",
        value=_seed_of_generator,
    )


def _seed_of_generator(result: Any, args: Any, kwargs: Any) -> Any:
    return (*args[1:], *kwargs.values())  # without the generator, which has an address


def _arguments(result: Any, args: Any, kwargs: Any) -> Any:
    """Return what a seeding call was given: None means that it asked the operating system."""
    if not args and not kwargs:
        return (None,)
    return (*args, *kwargs.values())


def _content(result: Any, args: Any, kwargs: Any) -> Any:
    """Return the first bytes of an array: its repr leaves out the middle and rounds."""
    if not hasattr(result, "tobytes"):
        return result
    content = result.tobytes()
    return content[:MAX_REPR]
