"""The environment variables that change what a program computes.

A recorder and a manifest keep these, and never the whole environment: that holds secrets.
"""

from __future__ import annotations

# In the order in which a trace lists them.
NUMERIC_VARIABLES = tuple(
    (
        "PYTHONHASHSEED OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS "
        "CUBLAS_WORKSPACE_CONFIG "
        "ATEN_CPU_CAPABILITY NVIDIA_TF32_OVERRIDE CUDA_LAUNCH_BLOCKING CUDA_VISIBLE_DEVICES "
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE MKL_CBWR MKL_ENABLE_INSTRUCTIONS ONEDNN_MAX_CPU_ISA "
        "DNNL_MAX_CPU_ISA ONEDNN_DEFAULT_FPMATH_MODE OPENBLAS_CORETYPE NPY_DISABLE_CPU_FEATURES "
        "CUBLASLT_WORKSPACE_SIZE TORCH_BLAS_PREFER_CUBLASLT DISABLE_ADDMM_CUDA_LT "
        "CUDA_DEVICE_MAX_CONNECTIONS PYTORCH_CUDA_ALLOC_CONF PYTORCH_ALLOC_CONF "
        "PYTORCH_NO_CUDA_MEMORY_CACHING TORCH_CUDNN_V8_API_DISABLED NCCL_ALGO NCCL_PROTO"
    ).split()
)
# What launchers and frameworks are told through the environment. A trace knows these otherwise.
LAUNCH_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "WORLD_SIZE")
