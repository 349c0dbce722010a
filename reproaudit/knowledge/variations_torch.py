"""Variations in how torch computes and how it loads data."""

from __future__ import annotations

from reproaudit.config.settings import Settings, bad_value
from reproaudit.knowledge.variation import (
    Change,
    Need,
    Variation,
    choose,
    choose_inside,
    match_inside,
    name_fact,
)
from reproaudit.model.cause import Cause

_COUNT = r"[1-9]\d{0,4}"
_HELD = "It is held against the program's own calls."


def _set_threads(value: str) -> Settings:
    if not value.isdecimal() or int(value) < 1:
        raise bad_value("threads", value, "a whole number from 1 on")
    # NumPy's BLAS asks a variable of its own first.
    env = (("OPENBLAS_NUM_THREADS", value),)
    return Settings(threads=int(value), env=env, variations=(("threads", value),))


def _set_tf32() -> Change:
    table: dict[str, Settings] = {}
    for value, is_on in (("on", True), ("off", False)):
        table[value] = Settings(tf32=is_on, variations=(("tf32", value),))
    return choose("tf32", table)


def _set_compile() -> Change:
    variables = {
        "on": (),
        "off": (("TORCHDYNAMO_DISABLE", "1"),),
        "choices": (("TORCHINDUCTOR_DISTORT_BENCHMARKING_RESULT", "inverse"),),
    }
    table: dict[str, Settings] = {}
    for value, env in variables.items():
        table[value] = Settings(env=env, variations=(("compile", value),))
    return choose("compile", table)


TABLE: tuple[Variation, ...] = (
    Variation(
        id="threads",
        what="the number of threads that compute an operator",
        values=("1", "2", "4"),
        cause=Cause.THREAD_COUNT,
        change=_set_threads,
        record="threads",
        how=(
            "OMP_NUM_THREADS, MKL_NUM_THREADS, OPENBLAS_NUM_THREADS and torch.set_num_threads. "
            + _HELD
        ),
        fact="threads",
        unless="torch was built without threads",
    ),
    Variation(
        id="interop_threads",
        what="the number of threads that run operators side by side",
        values=("1", "4"),
        cause=Cause.THREAD_COUNT,
        change=match_inside("interop_threads", _COUNT, "a whole number from 1 on"),
        record="interop_threads",
        how=f"torch.set_num_interop_threads. {_HELD}",
        fact=name_fact("interop_threads"),
        unless="the program never imported torch",
    ),
    Variation(
        id="mkldnn",
        what="whether oneDNN computes",
        values=("off",),
        cause=Cause.KERNEL,
        change=choose_inside("mkldnn", "on", "off"),
        record="mkldnn",
        how=f"torch.backends.mkldnn.enabled. {_HELD}",
        fact=name_fact("mkldnn"),
        unless="torch was built without oneDNN",
    ),
    Variation(
        id="tf32",
        what="whether products on the GPU use TF32",
        values=("on", "off"),
        cause=Cause.HARDWARE,
        change=_set_tf32(),
        record="tf32",
        needs=(Need.GPU,),
        how=f"torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32. {_HELD}",
        fact=name_fact("tf32"),
        unless="the program never imported torch",
    ),
    Variation(
        id="memory_format",
        what="the order of dimensions in memory",
        values=("channels_last",),
        cause=Cause.KERNEL,
        change=choose_inside("memory_format", "channels_last", "contiguous"),
        record="memory_format",
        how=(
            "Weights and inputs of nn.Conv2d and its kin are brought to this format when such a "
            "module is called; what follows takes it over from them."
        ),
        fact=name_fact("memory_format"),
        unless="no module convolves images, or all of them have this format already",
    ),
    Variation(
        id="compile",
        what="whether torch.compile compiles the model, and which kernels it chooses",
        values=("on", "off", "choices"),
        cause=Cause.KERNEL,
        change=_set_compile(),
        record="compile",
        needs_of={"on": (Need.EAGER,), "off": (Need.COMPILED,), "choices": (Need.COMPILED,)},
        how=(
            "on: the forward pass of each module that the program itself calls and that has "
            "parameters is compiled. off: nothing is (TORCHDYNAMO_DISABLE). choices: the slowest "
            "kernel is chosen where several are timed."
        ),
        fact=name_fact("compile"),
        unless="the program calls no module that has parameters",
    ),
    Variation(
        id="foreach",
        what="whether an optimizer updates all parameters together",
        values=("on", "off"),
        cause=Cause.KERNEL,
        change=choose_inside("foreach", "on", "off"),
        record="foreach",
        needs=(Need.OPTIMIZER,),
        how="Optimizers of torch.optim are made with foreach=True or foreach=False.",
        fact=name_fact("foreach"),
        unless="each optimizer updates this way already, or knows no other",
    ),
    Variation(
        id="fused",
        what="whether an optimizer updates by one fused kernel",
        values=("on",),
        cause=Cause.KERNEL,
        change=choose_inside("fused", "on", "off"),
        record="fused",
        needs=(Need.OPTIMIZER,),
        how="Optimizers of torch.optim are made with fused=True or fused=False.",
        fact=name_fact("fused"),
        unless="each optimizer updates this way already, or knows no other",
    ),
    Variation(
        id="workers",
        what="the number of workers of DataLoaders",
        values=("0", "1", "2", "4"),
        change=match_inside("workers", r"\d{1,3}", "a whole number from 0 on"),
        record="workers",
        needs=(Need.LOADER,),
        how=(
            "Each DataLoader is made with num_workers of this value. Without workers, "
            "worker_init_fn is never called."
        ),
        fact=name_fact("workers"),
        unless="each DataLoader has this number of workers already",
    ),
    Variation(
        id="workers.prefetch",
        what="how many batches workers load in advance",
        values=("1", "4"),
        change=match_inside("workers.prefetch", _COUNT, "a whole number from 1 on"),
        record="prefetch",
        needs=(Need.LOADER, Need.WORKERS),
        how="Each DataLoader with workers is made with prefetch_factor of this value.",
        fact=name_fact("workers.prefetch"),
        unless="each DataLoader with workers has this prefetch_factor already",
    ),
    Variation(
        id="workers.persistent",
        what="whether workers outlive an epoch",
        values=("on", "off"),
        change=choose_inside("workers.persistent", "on", "off"),
        record="persistent",
        needs=(Need.LOADER, Need.WORKERS),
        how="Each DataLoader with workers is made with persistent_workers of this value.",
        fact=name_fact("workers.persistent"),
        unless="the workers of each DataLoader persist, or not, as it is",
    ),
)
