"""What a run that goes on from a checkpoint may lack, one rule for each way to correct it."""

from __future__ import annotations

from reproaudit.knowledge.traits import Rule

_SAVING = "PyTorch tutorial: Saving and Loading a General Checkpoint"
_STATEFUL = "torchdata docs: StatefulDataLoader"

RESUME_RULES = (
    Rule(
        id="RA610",
        question="resume",
        title="the second run did not resume: it began at step 0",
        advice="start it so that it loads its checkpoint: --resume-args adds what tells it to",
        explanation=(
            "The run that was to go on computes in its first step what the uninterrupted one "
            "computes in step 0, parameters included. A program that needs to be told to go on "
            "was not told, looked for its checkpoint elsewhere than where it had saved it, or "
            "loads it into something that is made anew afterwards."
        ),
        references=(_SAVING,),
    ),
    Rule(
        id="RA611",
        question="resume",
        title="the resumed run lacks state of the model, the optimizer or what steers them",
        advice="save with the checkpoint, and load, the state_dict() of schedulers, optimizers, "
        "scalers and averages",
        explanation=(
            "Batches are those of the uninterrupted run, and random numbers are; what is made of "
            "them is not. State outlives a step in more places than parameters: moments of an "
            "optimizer, the epoch that a scheduler counts, the scale of a gradient scaler, a "
            "moving average, running means of a batch norm, gradients that are still being "
            "accumulated, counters in plain variables. Each that is not saved begins anew. A "
            "scheduler that is made before the optimizer's state is loaded shows only when it "
            "steps next."
        ),
        references=(_SAVING, "PyTorch docs: torch.optim, load_state_dict"),
    ),
    Rule(
        id="RA612",
        question="resume",
        title="the resumed run trains on other batches than the uninterrupted one",
        advice="save the position in the data, and skip to it; or use a loader with a state_dict()",
        explanation=(
            "A DataLoader has no position that a checkpoint holds: a new one begins its epoch "
            "again, so that batches are repeated and others left out. Where batches are skipped, "
            "a sampler that shuffles by the number of the epoch has to be told that number, and "
            "one that draws from a random stream needs the stream's state at the beginning of "
            "that epoch, not at the checkpoint."
        ),
        references=(_STATEFUL, "Accelerate docs: skip_first_batches, DataLoader.set_epoch"),
    ),
    Rule(
        id="RA613",
        question="resume",
        title="a random stream of the resumed run is not where the uninterrupted one has it",
        advice="save the states of all generators; restore them once the loader's iterator is made",
        explanation=(
            "Dropout, shuffling and augmentation draw on from where the stream stands. It stands "
            "elsewhere if it was not restored, or if it was and something drew from it again: to "
            "make an iterator of a DataLoader alone draws a seed from torch's global stream. "
            "Seeding again at the start does not help: it brings back the beginning of the "
            "stream."
        ),
        references=(
            "PyTorch docs: torch.get_rng_state, torch.set_rng_state",
            "PyTorch issue #11062",
        ),
    ),
)
