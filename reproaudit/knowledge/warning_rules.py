"""Warnings: what a reproducible program does again and again, and hardly meant."""

from __future__ import annotations

from reproaudit.knowledge.rank_rules import RANK_RULES
from reproaudit.knowledge.traits import Rule

_NOTES = "PyTorch notes: Reproducibility"
_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"

WARNING_RULES = (
    Rule(
        id="RA501",
        title="workers share one random stream",
        advice="seed each worker from torch.initial_seed(), which differs from worker to worker",
        explanation=(
            "Workers that are forked from one process inherit the state of its generators. A "
            "DataLoader reseeds the global generators of Python, NumPy and torch in each "
            "worker, but not a numpy.random.Generator or random.Random that the dataset "
            "holds, and a worker_init_fn that seeds with a constant undoes it. Augmentations "
            "then repeat once per worker. It is told by random states of several workers that "
            "are equal before they draw. Equal runs are no sign that all is well: the program "
            "repeats the same mistake each time."
        ),
        references=(
            _WORKERS,
            "PyTorch FAQ: My data loader workers return identical random numbers",
            "PyTorch issue #5059",
        ),
    ),
    Rule(
        id="RA502",
        title="epochs repeat the same random stream",
        advice=(
            "seed workers from torch.initial_seed(), which changes with each epoch, or "
            "keep the generator"
        ),
        explanation=(
            "Workers are started anew for each epoch unless persistent_workers is set, and a "
            "state copied from the main process, where nothing draws from it, is the same "
            "each time. A worker_init_fn that seeds with the worker's number alone does that "
            "too, and so does a seed set inside the epoch loop. Every epoch then sees the "
            "same augmentations or the same shuffle. It is told by random states at the start "
            "of epochs that are equal."
        ),
        references=(
            _WORKERS,
            "PyTorch docs: DataLoader, persistent_workers",
            "PyTorch issue #41329",
        ),
    ),
    Rule(
        id="RA503",
        title="a seed is set after random numbers were drawn",
        advice="set seeds first, before models, datasets and samplers are made",
        explanation=(
            "What was drawn before the seed, such as initial weights, a split or a shuffle, "
            "does not depend on it: with another start of the generator it would be something "
            "else. Runs may still be equal, because an earlier seed, a default or a "
            "checkpoint covers the draw today. It is told by a draw from a global stream that "
            "comes before the first seed call for that stream. Seeding twice with the same "
            "number repeats the stream."
        ),
        references=(_NOTES, "PyTorch docs: torch.manual_seed"),
    ),
    Rule(
        id="RA504",
        title="two CUDA streams use one tensor and nothing orders them",
        advice="let the second stream wait: current_stream().wait_stream(other), or an event",
        explanation=(
            "Kernels on different streams run in any order unless an event, a wait or a "
            "synchronisation orders them. A stream that reads what another one writes gets "
            "old, new or mixed bytes, depending on timing, and mostly what was meant. It is "
            "told by PyTorch's own CUDA stream sanitizer, fed with the operators that the "
            "program runs: waits that Python code makes by polling outside of "
            "torch.cuda.Event and Stream are not seen, nor is memory that is freed while "
            "another stream still uses it (Tensor.record_stream). Equal runs are no sign that "
            "all is well."
        ),
        references=(
            "PyTorch notes: CUDA semantics, CUDA streams",
            "PyTorch docs: CUDA Stream Sanitizer",
        ),
    ),
    Rule(
        id="RA505",
        title="the host uses pinned memory while a copy from or to it may be under way",
        advice="synchronise before the memory is used, or copy without non_blocking=True",
        explanation=(
            "A copy with non_blocking=True between the GPU and pinned memory returns before "
            "it is done. What the host reads then may be what was there before, and what it "
            "writes may be copied in part. x.to('cpu', non_blocking=True) makes pinned memory "
            "itself. It is told by an operator on the CPU that uses the memory before the "
            "host has waited for the stream of the copy. Reading through .numpy(), .tolist() "
            "or a print is not seen. Equal runs are no sign that all is well."
        ),
        references=(
            "PyTorch tutorial: A guide on good usage of non_blocking and pin_memory()",
            "PyTorch issue #86264",
        ),
    ),
    *RANK_RULES,
)
