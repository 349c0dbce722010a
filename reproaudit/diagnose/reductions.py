"""What is said of sums over several processes that came out otherwise."""

from __future__ import annotations

from reproaudit.compare.localise import Source


def word_reduction(source: Source, ranks: int) -> str:
    """Say what was equal, and what was not, where ranks reduced what they have."""
    who = f"all {ranks} ranks" if ranks else "all ranks"
    if source.messages is None:
        return f"{who} gave the same in both runs, and the result was another one"
    first, second = source.messages
    if first == second:
        return f"{who} gave as much in both runs, and {first} calls reduced other parts of it"
    return f"{who} gave as much in both runs; it was reduced in {first} parts, and in {second}"
