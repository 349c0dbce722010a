"""The table of what two runs may differ in, from what most likely changes results to what least.

The order of the table is the ranking that a comparison of two runs shows. It answers one question:
if this alone differed, how likely would the runs leave other numbers, bit for bit? So

1. a **seed** comes first: every draw differs, and hardly a program draws nothing;
2. then a **line of code** that was changed, and the commit: a changed line most likely computes
   something else, but it may be one that is not run or that only prints;
3. then the **version of torch**, of CUDA and of what brings kernels: many operators give the same
   bits from one version to the next, some in most programs do not;
4. then other **packages that compute** or prepare data (numpy): they take part, seldom in numbers;
5. last, packages that a program merely imports, and tools of development such as pytest, which
   take no part in a run.

`level` groups that order for a reader: HIGH changes results in most programs, MEDIUM in some, LOW
in few or none. A new entry is made here at its place, and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache


class Risk(str, Enum):
    """How likely a difference changes what a run computes."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    OUTCOME = "outcome"  # no cause: what came out


class Area(str, Enum):
    """What kind of fact about a run differs. A fact's name is unique within its area."""

    CODE = "code"  # "commit", "branch", "folder", "subject"; "program" as a tracker calls it
    CHANGE = "uncommitted change"  # a path in the repository
    COMMENT = "changed comment"  # the same, of which only comments and empty lines differ
    FILE = "file"  # a file by its digest: untracked, or the subject's own
    PARAMETER = "parameter"  # of the command line or of a tracker
    SETTING = "setting"  # of ours, or a flag of torch
    VARIABLE = "environment variable"
    PACKAGE = "package"
    TORCH = "torch build"  # "cuda", "hip", "git"
    PYTHON = "python"  # "version", "implementation", "environment", "environment name"
    HARDWARE = "hardware"  # "cpu", "capability", "cores", "memory", "gpus", "driver"
    SYSTEM = "system"  # "name", "release", …
    CONTAINER = "container"  # "engine", "image", "image id", and variables of the build
    TAG = "tag"  # of a tracker
    METRIC = "metric"
    ARTIFACT = "artifact"
    TENSOR = "recorded tensor"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One entry: facts of an area whose whole name the pattern matches, in any case."""

    area: Area
    names: str
    risk: Risk
    reason: str

    def matches(self, area: Area, name: str) -> bool:
        """Return True if the entry is about this fact."""
        return area is self.area and _compile(self.names).fullmatch(name) is not None


@cache
def _compile(names: str) -> re.Pattern[str]:
    return re.compile(names, re.IGNORECASE | re.DOTALL)  # a name may hold a line's end


_SEEDS = r"(?:.*[^a-z])?(?:random_?)?(?:seed|seeds|random_state)(?:[^a-z].*)?|.*seed"
_DRAWS = "every random draw differs: weights, order of data, noise"
_SETS = "sets of text have another order, and so may what is computed"
_CODE_FILES = r".*\.(?:py|pyx|pxd|ipynb|c|cc|cpp|cxx|cu|cuh|h|hpp|so)"
_CONFIGURATION = r".*\.(?:ya?ml|toml|json|jsonc|ini|cfg|conf|gin|sh)|(?:.*/)?(?:Makefile|\.env)"
_KERNELS = (
    "triton|pytorch-triton.*|xformers|flash-attn.*|apex|deepspeed|bitsandbytes|transformer-engine.*"
    "|torchao|cupy.*|causal-conv1d|mamba-ssm|torch-(?:scatter|sparse|cluster|spline-conv)|pyg-lib"
    "|megatron.*|fbgemm-gpu.*|intel-extension-for-pytorch"
)
_COMPUTING = (
    "numpy|scipy|pandas|polars|pyarrow|numba|llvmlite|jax.*|tensorflow.*|scikit-learn|scikit-image"
    "|torch(?:vision|audio|text|data|metrics|geometric)|torch-geometric|pytorch-lightning|lightning"
    "|transformers|tokenizers|sentencepiece|tiktoken|accelerate|datasets|diffusers|timm|peft|trl"
    "|einops|safetensors|opencv-.*|pillow.*|librosa|soundfile|albumentations|kornia|webdataset"
    "|monai|fairseq|fairscale|gym|gymnasium|stable-baselines3|optax|ignite|pytorch-ignite|ray"
)
_PLACES = r"(?:output|log|logging|save|checkpoint|cache|run|experiment|project|report)[_-]?"
_PLACES += r"(?:dir|path|folder|name|to|id)?|.*verbose.*|tags?"
_TOOLS = (
    "pytest.*|hypothesis|coverage|tox|nox|ruff|black|isort|flake8.*|pylint|mypy.*|pyright|pre-commit"
    "|types-.*|pip|setuptools|wheel|build|twine|hatch.*|virtualenv|uv|poetry.*|sphinx.*|mkdocs.*"
    "|ipython|jupyter.*|notebook|debugpy|pluggy|iniconfig|execnet"
)

# From the most likely to the least; the first entry that matches counts.
SUSPECTS = (
    Suspect(Area.SETTING, "seed", Risk.HIGH, _DRAWS),
    Suspect(Area.PARAMETER, _SEEDS, Risk.HIGH, _DRAWS),
    Suspect(Area.VARIABLE, "PL_.*SEED.*", Risk.HIGH, _DRAWS),
    Suspect(Area.CHANGE, _CODE_FILES, Risk.HIGH, "a changed line most likely computes otherwise"),
    Suspect(Area.FILE, _CODE_FILES, Risk.HIGH, "code that no commit holds differs"),
    Suspect(Area.CODE, "patch", Risk.HIGH, "of large uncommitted changes not all were kept"),
    Suspect(Area.CODE, "subject|program", Risk.HIGH, "another program was run"),
    Suspect(Area.CODE, "commit", Risk.HIGH, "other code was run"),
    Suspect(Area.CHANGE, _CONFIGURATION, Risk.HIGH, "a changed configuration is another program"),
    Suspect(
        Area.PARAMETER, f"(?!(?:{_PLACES})$).*", Risk.HIGH, "the program was told something else"
    ),
    Suspect(Area.VARIABLE, "WORLD_SIZE", Risk.HIGH, "data and sums are divided among other ranks"),
    Suspect(
        Area.PACKAGE, "torch", Risk.HIGH, "kernels, defaults and random streams change with it"
    ),
    Suspect(Area.TORCH, "cuda|hip", Risk.HIGH, "cuBLAS, cuDNN and every kernel come from it"),
    Suspect(Area.HARDWARE, "gpus", Risk.HIGH, "another GPU has other kernels, and sums otherwise"),
    Suspect(Area.PACKAGE, "nvidia-.*", Risk.HIGH, "it holds kernels: cuBLAS, cuDNN, NCCL"),
    Suspect(Area.PACKAGE, _KERNELS, Risk.HIGH, "it brings kernels of its own"),
    Suspect(Area.TORCH, ".*", Risk.HIGH, "another build of torch"),
    Suspect(
        Area.SETTING,
        "deterministic|cudnn_.*|tf32|device|interventions|fill_uninitialized|cublas_workspace",
        Risk.HIGH,
        "it chooses kernels",
    ),
    Suspect(
        Area.VARIABLE,
        "CUBLAS.*|NVIDIA_TF32_OVERRIDE|TORCH_.*|DISABLE_ADDMM.*|NCCL_.*",
        Risk.HIGH,
        "it chooses kernels, or the order of sums",
    ),
    Suspect(Area.PACKAGE, _COMPUTING, Risk.MEDIUM, "it computes, or makes what the program reads"),
    Suspect(
        Area.PACKAGE,
        "mkl.*|intel-.*|openblas.*|onednn|nomkl|blis|tbb",
        Risk.MEDIUM,
        "matrix products on the CPU come from it",
    ),
    Suspect(
        Area.VARIABLE,
        "(?:OMP|MKL|OPENBLAS)_NUM_THREADS",
        Risk.MEDIUM,
        "sums are divided among other numbers of threads",
    ),
    Suspect(Area.SETTING, "threads", Risk.MEDIUM, "sums are divided among them"),
    Suspect(Area.SETTING, "hash_seed", Risk.MEDIUM, _SETS),
    Suspect(Area.VARIABLE, "PYTHONHASHSEED", Risk.MEDIUM, _SETS),
    Suspect(
        Area.HARDWARE,
        "capability|cpu",
        Risk.MEDIUM,
        "libraries choose their kernels by the processor",
    ),
    Suspect(Area.HARDWARE, "cores", Risk.MEDIUM, "torch takes as many threads, unless it is told"),
    Suspect(
        Area.VARIABLE,
        "MKL_.*|ONEDNN_.*|DNNL_.*|ATEN_CPU_CAPABILITY|OPENBLAS_.*|NPY_.*",
        Risk.MEDIUM,
        "it chooses kernels of the CPU",
    ),
    Suspect(Area.HARDWARE, "driver", Risk.MEDIUM, "it compiles some kernels, and may choose them"),
    Suspect(
        Area.CONTAINER, "image|image id", Risk.MEDIUM, "all below Python may be of another version"
    ),
    Suspect(Area.PYTHON, "version|implementation", Risk.MEDIUM, "its library draws and sorts, too"),
    Suspect(Area.SETTING, ".*", Risk.MEDIUM, "the run was set otherwise"),
    Suspect(Area.FILE, _CONFIGURATION, Risk.MEDIUM, "it may be a configuration, or an output"),
    Suspect(Area.FILE, ".*", Risk.LOW, "it is no code; the program may read it"),
    Suspect(Area.CHANGE, ".*", Risk.LOW, "it is no code; the program may read it"),
    Suspect(Area.VARIABLE, ".*", Risk.LOW, "it changes when work is done, seldom what it gives"),
    Suspect(Area.CODE, "folder", Risk.LOW, "relative paths lead elsewhere"),
    Suspect(Area.SYSTEM, "libc", Risk.LOW, "functions such as exp may be rounded otherwise"),
    Suspect(Area.PACKAGE, f"(?!(?:{_TOOLS})$).*", Risk.LOW, "it is installed, and may be imported"),
    Suspect(Area.SYSTEM, ".*", Risk.LOW, "the system seldom changes numbers"),
    Suspect(Area.CONTAINER, ".*", Risk.LOW, "the container seldom changes numbers"),
    Suspect(Area.HARDWARE, ".*", Risk.LOW, "it limits what fits, and changes no number"),
    Suspect(Area.PYTHON, ".*", Risk.LOW, "a name"),
    Suspect(Area.CODE, ".*", Risk.LOW, "a name"),
    Suspect(Area.PARAMETER, ".*", Risk.LOW, "it says where things go, or what they are called"),
    Suspect(Area.PACKAGE, ".*", Risk.LOW, "a tool of development takes no part in a run"),
    Suspect(Area.COMMENT, ".*", Risk.LOW, "only comments and empty lines differ"),
    Suspect(Area.TAG, ".*", Risk.LOW, "a note of the tracker's"),
    Suspect(Area.TENSOR, ".*", Risk.OUTCOME, "what was computed"),
    Suspect(Area.METRIC, ".*", Risk.OUTCOME, "what was measured"),
    Suspect(Area.ARTIFACT, ".*", Risk.OUTCOME, "what was kept"),
)


@cache
def find_rank(area: Area, name: str) -> int:
    """Return the place in SUSPECTS of the entry about a fact: the lower, the likelier a cause."""
    for rank, suspect in enumerate(SUSPECTS):
        if suspect.matches(area, name):
            return rank
    raise ValueError(f"no entry is about {area.value} {name!r}")
