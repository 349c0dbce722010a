"""Owns what the words on the page mean, for whoever points at one."""

from __future__ import annotations

# Keys are what the page asks for; some are words of other tables, as the kinds of evidence are.
GLOSSARY = {
    "observed": "Two runs gave this operator equal inputs, to the bit, and it returned different "
    "outputs. The difference was born here.",
    "replayed": "The call was made again, several times, on the inputs that one run gave it. "
    "“yes”: it returned something else at least once.",
    "declared": "PyTorch itself refuses this operator under "
    "torch.use_deterministic_algorithms(True): it says that it has no deterministic form.",
    "switched": "With that flag the operator returned the same each time, and without it it did "
    "not.",
    "source": "An operator whose inputs are equal in both runs and whose outputs are not: here a "
    "difference is born.",
    "carrier": "An operator whose inputs differ already: it passes a difference on.",
    "absorbed": "An operator whose inputs differ and whose outputs do not: the difference ends "
    "here.",
    "class": "Runs whose compared tensors are all equal, to the bit. One class: all runs are "
    "equal.",
    "ULP": "Unit in the last place: how many representable numbers lie between two values. 1 is "
    "the smallest difference there can be.",
    "recorded": "A run in which every operator was recorded, to find the first one that differs. "
    "It decides nothing about the verdict.",
    "plain": "A run that recorded only batches, outputs, gradients and parameters. These runs "
    "decide the verdict.",
    "loaded": "A run beside a busy process on each core: rare differences show more often so.",
    "verified": "Runs were made with the change and were equal, while runs without it, made in "
    "between, differed.",
    "slowdown": "The median of paired run times, with the change over without. What lies within "
    "the scatter of plain runs is no measurable cost.",
    "not checked": "What an audit did not compare, and why. It may hide a difference.",
}
