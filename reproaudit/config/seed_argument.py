"""Owns how a program is given its seed: as an argument, a variable or a configuration key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec


class SeedPlace(str, Enum):
    """Where the program looks for its seed."""

    ARGUMENT = "argument"  # --seed 1
    VARIABLE = "variable"  # of the environment
    KEY = "key"  # seed=1 among the arguments, as hydra takes it


@dataclass(frozen=True, slots=True)
class SeedArgument:
    """The program's own way to be given a seed, by the name that it has there."""

    place: SeedPlace
    name: str

    def give(self, subject: SubjectSpec, seed: int) -> tuple[SubjectSpec, Settings]:
        """Return the subject with its seed, and the settings that it needs for that.

        A seed among the subject's own arguments is replaced where it stands, in the way it is
        written there.
        """
        if self.place is SeedPlace.VARIABLE:
            return subject, Settings(env=((self.name, str(seed)),))
        words = list(subject.argv)
        if self.place is SeedPlace.KEY:
            given = _replace_key(words, self.name, seed)
        else:
            given = _replace_option(words, self.name, seed)
        return replace(subject, argv=tuple(given)), Settings()

    def word(self, seed: int | str) -> str:
        """Return the seed as it is given: `--seed 1`, `SEED=1`, `seed=1`."""
        joint = " " if self.place is SeedPlace.ARGUMENT else "="
        return f"{self.name}{joint}{seed}"


def _replace_key(words: list[str], name: str, seed: int) -> list[str]:
    for number, word in enumerate(words):
        key, equals, _ = word.partition("=")
        # A plus before it adds a key to hydra's configuration, two of them force it.
        if equals and key.lstrip("+") == name.lstrip("+"):
            return [*words[:number], f"{key}={seed}", *words[number + 1 :]]
    return [*words, f"{name}={seed}"]


def _replace_option(words: list[str], name: str, seed: int) -> list[str]:
    for number, word in enumerate(words):
        if word == name:
            return [*words[: number + 1], str(seed), *words[number + 2 :]]
        if word.startswith(f"{name}="):
            return [*words[:number], f"{name}={seed}", *words[number + 1 :]]
    return [*words, name, str(seed)]
