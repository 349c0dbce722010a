"""Triton's own way to a launch, without a GPU: compiler and launcher are real, the library of the
driver is not.

    LD_LIBRARY_PATH=FOLDER TRITON_LIBCUDA_PATH=FOLDER \\
        python -m tests.record.digest.stand_in_driver FOLDER

FOLDER holds libcuda.so.1, built from SOURCE. Prints what reached `cuLaunchKernelEx`, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import sys
from types import SimpleNamespace
from typing import Any

import torch

SOURCE = """
#include <stdint.h>
#include "cuda.h"
#define ANSWER(name, call, ...) CUresult name(__VA_ARGS__) { call; return CUDA_SUCCESS; }
int launches, numbers; unsigned grid, threads; void *stream; uint64_t given[32];
ANSWER(cuCtxGetCurrent, *c = (CUcontext)1, CUcontext *c)
ANSWER(cuCtxSetCurrent, , CUcontext c)
ANSWER(cuCtxGetLimit, *v = 0, size_t *v, CUlimit l)
ANSWER(cuCtxSetLimit, , CUlimit l, size_t v)
ANSWER(cuDeviceGet, *d = i, CUdevice *d, int i)
ANSWER(cuDeviceGetAttribute, *v = 232448, int *v, CUdevice_attribute a, CUdevice d)
ANSWER(cuDevicePrimaryCtxRetain, *c = (CUcontext)1, CUcontext *c, CUdevice d)
ANSWER(cuCtxGetDevice, *d = 0, CUdevice *d)
ANSWER(cuModuleUnload, , CUmodule m)
ANSWER(cuInit, , unsigned f)
ANSWER(cuStreamIsCapturing, *s = CU_STREAM_CAPTURE_STATUS_NONE,
       CUstream h, CUstreamCaptureStatus *s)
ANSWER(cuDriverGetVersion, *v = 13000, int *v)
ANSWER(cuFuncGetAttribute, *v = 1024, int *v, CUfunction_attribute a, CUfunction f)
ANSWER(cuFuncSetAttribute, , CUfunction f, CUfunction_attribute a, int v)
ANSWER(cuFuncSetCacheConfig, , CUfunction f, CUfunc_cache c)
ANSWER(cuGetErrorString, *s = "refused", CUresult r, const char **s)
ANSWER(cuModuleGetFunction, *f = (CUfunction)1, CUfunction *f, CUmodule m, const char *n)
ANSWER(cuModuleLoadData, *m = (CUmodule)1, CUmodule *m, const void *i)
CUresult cuPointerGetAttribute(void *v, CUpointer_attribute a, CUdeviceptr p) {
  return CUDA_ERROR_UNKNOWN;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **p, void **e) {
  launches++; grid = c->gridDimX; threads = c->blockDimX; stream = c->hStream;
  for (int i = 0; i < numbers; i++) given[i] = *(uint64_t *)p[i];
  return CUDA_SUCCESS;
}
"""
PROCESSORS, STREAM = 10, 0x1234
ADDRESS, SUMS = 0x7F00_0000_0040, 0x7F10_0000_0010


def launched(library: Any, layout: Any, alignment: int, numbers: int) -> dict[str, Any]:
    """Bind a layout, launch it twice, and return what the driver was given."""
    from reproaudit.record.digest.triton_kernels import bind

    ctypes.c_int.in_dll(library, "numbers").value = numbers
    launch = bind(layout, alignment, 0)
    before = ctypes.c_int.in_dll(library, "launches").value
    launch(ADDRESS, SUMS, STREAM)
    launch(ADDRESS, SUMS, STREAM)
    return {
        "launches": ctypes.c_int.in_dll(library, "launches").value - before,
        "grid": ctypes.c_uint.in_dll(library, "grid").value,
        "threads": ctypes.c_uint.in_dll(library, "threads").value,
        "stream": ctypes.c_void_p.in_dll(library, "stream").value,
        "given": list((ctypes.c_uint64 * 32).in_dll(library, "given"))[:numbers],
    }


def main() -> None:
    library = ctypes.CDLL(f"{sys.argv[1]}/libcuda.so.1", mode=ctypes.RTLD_GLOBAL)
    torch.cuda.current_device = lambda: 0
    torch._C._cuda_getCurrentRawStream = lambda device: 0
    torch.cuda.get_device_capability = lambda device=0: (9, 0)
    torch.cuda.get_device_properties = lambda device: SimpleNamespace(
        multi_processor_count=PROCESSORS
    )
    import triton
    from triton.backends.nvidia.driver import CudaDriver

    from reproaudit.record.digest.layout import layout_of

    triton.runtime.driver.set_active(CudaDriver())
    print(
        json.dumps(
            {
                "contiguous": launched(library, layout_of((5000, 1000), (1000, 1), 4), 16, 3),
                "small": launched(library, layout_of((7,), (1,), 2), 2, 3),
                "rows": launched(library, layout_of((100, 200), (1, 100), 4), 4, 22),
                "straddling": launched(library, layout_of((3, 5, 7), (1, 3, 15), 2), 16, 22),
            }
        )
    )


if __name__ == "__main__":
    main()
