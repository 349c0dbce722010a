"""Which variation a variable of the environment stands for, where libraries read it."""

from __future__ import annotations

from reproaudit.knowledge.wanted import ENVIRONMENT

# As the documentation of OpenMP, MKL, OpenBLAS, BLIS, NumExpr, Python, glibc, torch and oneDNN has
# them.
_FACTORS = {
    "threads": (
        "OMP_NUM_THREADS",
        "OMP_THREAD_LIMIT",
        "OMP_DYNAMIC",
        "MKL_NUM_THREADS",
        "MKL_DOMAIN_NUM_THREADS",
        "MKL_DYNAMIC",
        "OPENBLAS_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMEXPR_MAX_THREADS",
        "NUMBA_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "TBB_NUM_THREADS",
    ),
    "hash_seed": ("PYTHONHASHSEED",),
    "memory": ("MALLOC_PERTURB_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "PYTHONMALLOC"),
    "cpu": (
        "ATEN_CPU_CAPABILITY",
        "ONEDNN_MAX_CPU_ISA",
        "DNNL_MAX_CPU_ISA",
        "MKL_CBWR",
        "MKL_ENABLE_INSTRUCTIONS",
        "MKL_DEBUG_CPU_TYPE",
        "OPENBLAS_CORETYPE",
        "NPY_DISABLE_CPU_FEATURES",
    ),
    "tf32": ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"),
    "timezone": ("TZ",),
    "locales": ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE"),
    "home": ("HOME",),
    "path": ("PATH",),
}
_BY_VARIABLE = {
    variable: factor for factor, variables in _FACTORS.items() for variable in variables
}


def find_factor(name: str) -> str:
    """Return the variation of the table that a variation is, by another name.

    Of `env.OMP_NUM_THREADS` that is "threads"; of a variable that only the program knows, and of
    all others, their own name.
    """
    return _BY_VARIABLE.get(name.removeprefix(ENVIRONMENT), name)
