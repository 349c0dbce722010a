"""Operators that torch.inference_mode hands on whole, though others compute inside of them.

Anywhere else autograd takes them apart first, and those inside are seen and named.
"""

from __future__ import annotations

from reproaudit.knowledge.op_families import shorten

_INSIDE = {
    "linear": "aten::addmm, or aten::mm without a bias",
    "matmul": "aten::mm, aten::bmm or aten::mv",
    "inner": "aten::mm",
    "einsum": "aten::bmm",
    "tensordot": "aten::mm",
    "bilinear": "aten::_trilinear",
    "conv1d": "aten::convolution",
    "conv2d": "aten::convolution",
    "conv3d": "aten::convolution",
    "conv_transpose1d": "aten::convolution",
    "conv_transpose2d": "aten::convolution",
    "conv_transpose3d": "aten::convolution",
    "layer_norm": "aten::native_layer_norm",
    "group_norm": "aten::native_group_norm",
    "batch_norm": "aten::native_batch_norm",
    "instance_norm": "aten::native_batch_norm",
    "rms_norm": "a mean of squares",
    "softmax": "aten::_softmax",
    "log_softmax": "aten::_log_softmax",
    "cross_entropy_loss": "aten::_log_softmax and aten::nll_loss_forward",
    "scaled_dot_product_attention": "a fused kernel, or two products and a softmax",
    "cosine_similarity": "two norms and a sum",
    "lstm": "products of matrices and functions of their elements",
    "gru": "products of matrices and functions of their elements",
}


def explain_composite(op: str) -> str:
    """Return what computes inside of an operator, in a sentence without its full stop; "" for one
    that computes itself."""
    # A library's own operator of the same name computes as it likes.
    inside = _INSIDE.get(shorten(op)) if op.startswith("aten::") else None
    if inside is None:
        return ""
    return (
        f"torch.inference_mode runs {op} as one operator: what computes inside of it is {inside}, "
        "and is named under torch.no_grad"
    )
