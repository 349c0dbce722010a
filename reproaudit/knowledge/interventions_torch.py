"""Interventions in how torch and the GPU compute: kernels, memory, threads, streams, compiling."""

from __future__ import annotations

from reproaudit.config.settings import UNLESS_REFUSED, Settings
from reproaudit.knowledge.fills import ZERO_FILL, name_fill
from reproaudit.knowledge.traits import Clue, Intervention, Part, RenameCalls
from reproaudit.model.cause import Cause

FLAG = "kernels.deterministic"

# Where evidence ranks two the same, the first is tried first.
TABLE: tuple[Intervention, ...] = (
    Intervention(
        id=FLAG,
        what="torch.use_deterministic_algorithms, without its memory fill",
        causes=(Cause.KERNEL,),
        acts_on=Part.KERNELS,
        changes=Settings(deterministic=UNLESS_REFUSED),
        repair="deterministic",
        patch=("import torch", "torch.use_deterministic_algorithms(True)"),
        patch_if_refused=(
            "import torch",
            "torch.use_deterministic_algorithms(True, warn_only=True)",
        ),
        at_start=True,
        is_broad=True,
    ),
    Intervention(
        id="kernels.cpu",
        what="deterministic algorithms, and what has none on the GPU is computed on the CPU",
        causes=(Cause.KERNEL,),
        acts_on=Part.DEVICE,
        changes=Settings(deterministic="warn", cublas_workspace=":4096:8"),
        repair="cpu_kernels",
        clues={Clue.FLAG_IS_REFUSED: 1},
        patch=("y = operation(x.cpu()).to(x.device)  # the operation that is named, and no other",),
        is_broad=True,
        only_cuda=True,
        needs_fresh_process="cublas.workspace",
    ),
    Intervention(
        id="memory.fill",
        what="new memory is filled with zeros, also what NumPy and other libraries allocate",
        causes=(Cause.UNINITIALIZED_MEMORY,),
        acts_on=Part.MEMORY,
        changes=Settings(env=name_fill(ZERO_FILL)[1:]),
        repair="memory_fill",
        clues={Clue.UNDEFINED_READ: 1, Clue.UNKNOWN_CONTENT: 1, Clue.UNKNOWN_ORDER: 2},
        patch=("torch.zeros(...)  # instead of torch.empty(...); numpy.zeros likewise",),
        edits=(
            RenameCalls(
                {"empty": "zeros", "new_empty": "new_zeros", "empty_like": "zeros_like"},
                everywhere=True,
            ),
        ),
        is_broad=True,
    ),
    Intervention(
        id="threads.one",
        what="torch computes with one thread",
        causes=(Cause.KERNEL, Cause.THREAD_COUNT, Cause.THREAD_RACE),
        acts_on=Part.THREADS,
        changes=Settings(threads=1),
        repair="one_thread",
        clues={Clue.FLAG_IS_NOT_ENOUGH: 1},
        patch=("import torch", "torch.set_num_threads(1)"),
        at_start=True,
        # What the program sets later would undo it.
        edits=(
            RenameCalls({"set_num_threads": "set_num_threads"}, arguments="1", everywhere=True),
        ),
        is_broad=True,
    ),
    Intervention(
        id="cudnn.benchmark_off",
        what="cuDNN does not choose algorithms by timing",
        causes=(Cause.KERNEL, Cause.HARDWARE),
        acts_on=Part.CUDNN_CHOICE,
        changes=Settings(cudnn_benchmark=False),
        repair="cudnn_benchmark",
        patch=("torch.backends.cudnn.benchmark = False",),
        at_start=True,
        is_broad=True,
        only_cuda=True,
    ),
    Intervention(
        id="cudnn.deterministic",
        what="cuDNN uses deterministic algorithms",
        causes=(Cause.KERNEL,),
        acts_on=Part.CUDNN,
        changes=Settings(cudnn_deterministic=True),
        repair="cudnn_deterministic",
        patch=("torch.backends.cudnn.deterministic = True",),
        at_start=True,
        is_broad=True,
        only_cuda=True,
    ),
    Intervention(
        id="sdpa.math",
        what="scaled_dot_product_attention uses plain matrix products, none of its fused kernels",
        causes=(Cause.KERNEL,),
        acts_on=Part.ATTENTION,
        repair="math_attention",
        patch=(
            "from torch.nn.attention import SDPBackend, sdpa_kernel",
            "with sdpa_kernel(SDPBackend.MATH):  # around the forward pass",
        ),
        is_broad=True,
        only_cuda=True,
    ),
    Intervention(
        id="cublas.workspace",
        what="cuBLAS uses one fixed workspace per stream",
        causes=(Cause.KERNEL,),
        acts_on=Part.CUBLAS,
        changes=Settings(cublas_workspace=":4096:8"),
        patch=("# start with CUBLAS_WORKSPACE_CONFIG=:4096:8",),
        is_broad=True,
        only_cuda=True,
        needs_fresh_process="cublas.workspace",
    ),
    Intervention(
        id="tf32.off",
        what="matrix products and convolutions do not use TF32",
        causes=(Cause.HARDWARE,),
        acts_on=Part.PRECISION,
        changes=Settings(tf32=False),
        repair="no_tf32",
        patch=(
            'torch.set_float32_matmul_precision("highest")',
            "torch.backends.cudnn.allow_tf32 = False",
        ),
        at_start=True,
        only_cuda=True,
    ),
    Intervention(
        id="copies.blocking",
        what="copies between the GPU and pinned memory are finished when the call returns",
        causes=(Cause.THREAD_RACE,),
        acts_on=Part.COPIES,
        repair="blocking_copies",
        clues={Clue.HOST_RACE: 1},
        patch=(
            (
                'x.to("cpu")  # without non_blocking=True, or torch.cuda.synchronize() before '
                "the copy is read"
            ),
        ),
        is_broad=True,
        only_cuda=True,
    ),
    Intervention(
        id="streams.serial",
        what=(
            "the host waits for the GPU after each operator, so that streams run one after another"
        ),
        causes=(Cause.THREAD_RACE, Cause.KERNEL),
        acts_on=Part.STREAMS,
        changes=Settings(env=(("CUDA_LAUNCH_BLOCKING", "1"),)),
        repair="serial_streams",
        clues={Clue.STREAM_RACE: 1, Clue.HOST_RACE: 2},
        patch=(
            (
                "torch.cuda.current_stream().wait_stream(other)  # before this stream uses what "
                "the other one makes"
            ),
        ),
        is_broad=True,
        only_cuda=True,
        needs_fresh_process="CUDA_LAUNCH_BLOCKING",
    ),
    Intervention(
        id="compile.off",
        what="torch.compile is switched off",
        causes=(Cause.KERNEL,),
        acts_on=Part.COMPILER,
        changes=Settings(env=(("TORCHDYNAMO_DISABLE", "1"),)),
        patch=("torch._dynamo.config.disable = True",),
        at_start=True,
        only_compiled=True,
        needs_fresh_process="TORCHDYNAMO_DISABLE",
    ),
)
