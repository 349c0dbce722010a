"""Families of operators by what may change their last bits, as parts of operators' names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OVERLOAD = re.compile(r"\.[^.:]*$")


def _match(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(_?)({'|'.join(names)})(_?)")


# A sum, or a product of matrices, which are sums: its order may be another.
_SUMS = _match(
    (
        "sum|nansum|mean|nanmean|std|var|std_mean|var_mean|norm|linalg_vector_norm|linalg_norm",
        "prod|cumsum|cumprod|logcumsumexp|logsumexp|dist|cdist.*|pdist.*|trace|histc|bincount",
        "dot|vdot|inner|outer|mv|mm|bmm|matmul|addmm|addmv|addbmm|baddbmm|addr|ger|linear|bilinear",
        "einsum|tensordot|chain_matmul|linalg_multi_dot|linalg_matmul|kron|foreach_norm",
        r"\w*scaled_dot_product\w*|\w*flash_attention\w*|\w*efficient_attention\w*",
        r"native_multi_head_attention|transformer_encoder_layer_fwd|linear_backward",
        r"(convolution|conv[123]d|conv_transpose[123]d|slow_conv\w*|thnn_conv\w*)\w*",
        r"(mkldnn|miopen|cudnn)\w*|onednn\w*|to_mkldnn",
        r"\w*(softmax|layer_norm|group_norm|batch_norm|instance_norm|rms_norm)\w*",
        r"\w*(nll_loss|cross_entropy|mse_loss|l1_loss|kl_div|bce|binary_cross_entropy)\w*",
        r"\w*(smooth_l1|huber|ctc|margin|hinge|cosine_embedding)\w*_loss\w*|cosine_similarity",
        r"\w*(embedding|embedding_bag)\w*_backward|embedding_bag\w*|embedding_renorm",
        r"index_add|index_put\w*|index_reduce|scatter_add|scatter_reduce|segment_reduce\w*",
        r"put|bucketize|grid_sampler\w*|affine_grid\w*|upsample\w*|interpolate\w*",
        r"\w*(avg_pool|max_pool|adaptive\w*pool|fractional_max_pool|max_unpool)\w*",
        r"(lstm|gru|rnn|thnn_fused)\w*|\w*(lstm|gru|rnn)_\w*|weight_norm\w*|renorm",
        r"fft_\w+|stft|istft|linalg_\w+|cholesky\w*|lu\w*|svd|qr|geqrf|ormqr|orgqr|lstsq|inverse",
        r"triangular_solve|det|slogdet|logdet|matrix_exp|matrix_power|pinverse|cov|corrcoef",
        r"\w*reduc\w*|wait_tensor",
    )
)
# One function of each element: of a library of the processor's vectors, or of its scalars. What is
# exactly rounded, as a product or a root, is not among them; `add` multiplies by its alpha.
_FUNCTIONS = _match(
    (
        "exp|exp2|expm1|log|log2|log10|log1p|pow|float_power|rsqrt",
        r"sin|cos|tan|sinh|cosh|tanh|asin|acos|atan|atan2|asinh|acosh|atanh|arc\w+|sinc|hypot",
        r"sigmoid|logit|erf|erfc|erfinv|lgamma|digamma|polygamma|mvlgamma|i0|xlogy|xlog1py|entr",
        r"gelu\w*|silu\w*|mish\w*|elu\w*|celu\w*|selu\w*|softplus\w*|log_sigmoid\w*|hardswish\w*",
        r"tanh_backward|sigmoid_backward|logit_backward|logaddexp2?|sinc|special_\w+",
        r"addcmul|addcdiv|lerp|foreach_\w+|fused_\w+|glu\w*|add|sub|rsub",
    )
)
_DRAWS = _match(
    (
        r"rand\w*|normal\w*|uniform|bernoulli|exponential|geometric|log_normal|cauchy|poisson",
        r"binomial|multinomial|dropout|native_dropout|feature_dropout|rrelu\w*|standard_gamma",
        r"sample_dirichlet|dirichlet\w*|random",
    )
)


def _shorten(op: str) -> str:
    return _OVERLOAD.sub("", op.rpartition("::")[2])


def is_sum(op: str) -> bool:
    """Return True for an operator that adds up, in an order of its own choice."""
    return _SUMS.fullmatch(_shorten(op)) is not None


def is_function_of_elements(op: str) -> bool:
    """Return True for an operator that computes each element of its output from one of each input,
    rounded as the kernel does it."""
    return _FUNCTIONS.fullmatch(_shorten(op)) is not None


def is_draw(op: str) -> bool:
    """Return True for an operator that draws random numbers."""
    return _DRAWS.fullmatch(_shorten(op)) is not None
