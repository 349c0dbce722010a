"""Families of operators by what may change their last bits, as parts of operators' names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OVERLOAD = re.compile(r"\.[^.:]*$")


def _match(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(_?)({'|'.join(names)})(_?)")


# A sum, a product, or a product of matrices: its order is free. What only moves elements, picks one
# of them or counts is none of these, whatever else its name has in common with one that adds up.
# Nor are `put` and `index_put`: they write, unless they are told to accumulate.
_SUMS = _match(
    (
        "sum|nansum|mean|nanmean|std|var|std_mean|var_mean|trace|sum_to_size|trapz|trapezoid",
        "norm|native_norm|linalg_vector_norm|linalg_matrix_norm|linalg_norm|linalg__powsum",
        "frobenius_norm|nuclear_norm|norm_except_dim|foreach_norm|foreach_powsum|renorm",
        "weight_norm|weight_norm_interface(_backward)?|weight_norm_differentiable_backward",
        "prod|cumsum|cumprod|cumprod_backward|logcumsumexp|logsumexp|special_logsumexp",
        r"dist|(cdist|pdist)(_forward|_backward)?|euclidean_dist|pairwise_distance|bincount",
        r"cosine_similarity|cov|corrcoef",
        "dot|vdot|inner|mv|mm|bmm|matmul|matmul_backward|addmm|addmv|addbmm|baddbmm",
        "linear|linear_backward|bilinear|trilinear|einsum|tensordot|chain_matmul",
        r"linalg_(multi_dot|matmul|vecdot)|foreach_mm|scaled_mm(_v2)?|(scaled_)?grouped_mm(_v2)?",
        r"sparse_(mm|addmm|sum|sampled_addmm|sparse_matmul)|smm|hspmm|coalesce",
        r"weight_int\dpack_mm\w*|mixed_dtypes_linear|mkldnn_linear(_backward\w*)?|addmm_activation",
        # A grid is the product of its corners and each matrix.
        r"(cudnn_)?affine_grid_generator(_backward)?",
        r"(scaled_dot_product|flash|efficient|cudnn)_\w*attention\w*|native_multi_head_attention",
        "transformer_encoder_layer_fwd|triton_multi_head_attention|triton_scaled_dot_attention",
        r"convolution(_backward|_double_backward|_overrideable|_backward_overrideable|_mode)?",
        r"convolution(_transpose)?_pointwise|conv[123]d|conv_transpose[123]d|conv_tbc(_backward)?",
        r"conv_depthwise[23]d(_backward)?|slow_conv\w*|thnn_conv2d|nnpack_spatial_convolution",
        r"(mkldnn|cudnn|miopen|mps)_(\w+_)?convolution(_\w+)?",
        r"(log_|safe_|masked_|sparse_|sparse_log_)?softmax(_backward|_backward_data)?",
        r"(native_)?(layer|group|instance)_norm(_backward)?|(fused_)?rms_norm(_backward)?",
        r"\w*(nll_loss|cross_entropy|mse_loss|l1_loss|kl_div|huber_loss|ctc_loss)\w*",
        r"\w*(margin_loss|margin_ranking_loss|hinge_embedding_loss|cosine_embedding_loss)\w*",
        r"embedding_(dense_)?backward|embedding_renorm",
        r"embedding_bag(_forward_only|_backward|_dense_backward|_per_sample_weights_backward)?",
        "index_add|index_reduce|scatter_add|scatter_reduce|segment_reduce",
        "index_select_backward|gather_backward|unfold_backward|col2im|index_backward",
        "unsafe_masked_index_put_accumulate",
        r"(cudnn_)?grid_sampler(_[23]d)?\w*",
        r"upsample_(linear|bilinear|trilinear|bicubic|lanczos)\w*|upsample_nearest\w*_backward",
        r"(mkldnn_)?(adaptive_)?avg_pool[123]d(_backward)?",
        r"(mkldnn_)?(adaptive_|fractional_)?max_pool[123]d(_with_indices)?_backward",
        r"(reflection|replication)_pad[123]d_backward",
        r"(lstm|gru|rnn_tanh|rnn_relu)(_cell)?|(cudnn_rnn|miopen_rnn|mkldnn_rnn_layer)(_backward)?",
        r"thnn_(fused|differentiable)_(lstm|gru)_cell\w*",
        r"fft_(c2c|c2r|r2c|i?h?i?r?fftn?2?|fft2|ifft2|rfft2|irfft2)|stft|istft",
        r"linalg_(cholesky|det|eig|eigh|eigvals|eigvalsh|householder_product|inv|ldl_factor)(_ex)?",
        r"linalg_(lstsq|lu|lu_factor|lu_solve|ldl_solve|matrix_exp|matrix_power|pinv|qr)(_ex)?",
        r"linalg_(slogdet|solve|solve_triangular|svd|svdvals|tensorinv|tensorsolve|cond)(_ex)?",
        "cholesky|cholesky_inverse|cholesky_solve|cholesky_solve_helper|lu_solve|lu_with_info",
        "svd|qr|geqrf|orgqr|ormqr|inverse|pinverse|triangular_solve|det|slogdet|logdet",
        "matrix_exp|matrix_exp_backward|matrix_power|compute_linear_combination",
    )
)
# A batch norm sums over the rows of its batch: one row's result depends on the others by it.
_BATCH_NORMS = _match((r"\w*batch_norm(?!_elemt)\w*",))
# In eval mode it reads the averages that it keeps.
_FOR_EVAL = _match((r"\w*batch_norm\w*no_training|batch_norm_no_update|batch_norm_elemt",))
# One function of each element: of a library of the processor's vectors, or of its scalars. What is
# exactly rounded, as a product or a root, is not among them.
_OF_ONE = (
    "exp|exp2|expm1|log|log2|log10|log1p|rsqrt|sin|cos|tan|sinh|cosh|tanh|asin|acos|atan|erf|erfc",
    "asinh|acosh|atanh|lgamma|sigmoid",
)
# The same of an element and of numbers that the program may make of anything: `add` multiplies by
# its alpha.
_WITH_NUMBERS = ("pow|lerp|addcmul|addcdiv|add|sub",)
_FUNCTIONS_OF_ONE = _match(
    (
        *_OF_ONE,
        rf"foreach_({'|'.join(_OF_ONE)})",
        r"atan2|arctan2|arc\w+|sinc|hypot|logit|erfinv|digamma|polygamma|mvlgamma|i0",
        "xlogy|xlog1py|entr|logaddexp2?|tanh_backward|sigmoid_backward|logit_backward|addr",
        r"(gelu|silu|mish|elu|celu|selu|softplus|log_sigmoid|hardswish)(_forward|_backward)?",
        r"glu|glu_backward|batch_norm_elemt",
        r"special_(?!round|logsumexp|softmax|log_softmax)\w+",
    )
)
_FUNCTIONS_WITH_NUMBERS = _match(
    (
        *_WITH_NUMBERS,
        rf"foreach_({'|'.join(_WITH_NUMBERS)})",
        "float_power|rsub|fused_(adam|adamw|sgd|adagrad)",
    )
)
_INDEX_PUTS = _match(("put|index_put|index_put_impl|unsafe_index_put",))
_DRAWS = _match(
    (
        r"rand\w*|normal\w*|uniform|bernoulli|exponential|geometric|log_normal|cauchy|poisson",
        r"binomial|multinomial|dropout|native_dropout|feature_dropout|fused_dropout|rrelu\w*",
        r"standard_gamma|sample_dirichlet|random",
    )
)


def shorten(op: str) -> str:
    """Return an operator's name without what it belongs to, and without its overload."""
    return _OVERLOAD.sub("", op.rpartition("::")[2])


def is_sum(op: str) -> bool:
    """Return True for an operator that adds up, in an order of its own choice."""
    return _SUMS.fullmatch(shorten(op)) is not None or is_batch_norm(op)


def is_batch_norm(op: str) -> bool:
    """Return True for an operator that may compute a mean over the rows of its batch."""
    return _BATCH_NORMS.fullmatch(shorten(op)) is not None and not is_batch_norm_for_eval(op)


def is_batch_norm_for_eval(op: str) -> bool:
    """Return True for a batch norm that reads averages which were kept, and no other rows."""
    return _FOR_EVAL.fullmatch(shorten(op)) is not None


def is_sum_within_rows(op: str) -> bool:
    """Return True for an operator that adds up, and need not add rows of a batch to one another."""
    return is_sum(op) and not is_batch_norm(op)


def is_function_of_elements(op: str) -> bool:
    """Return True for an operator that computes each element of its output from one of each input,
    rounded as the kernel does it."""
    name = shorten(op)
    return is_function_of_one_element(op) or _FUNCTIONS_WITH_NUMBERS.fullmatch(name) is not None


def is_rounded_by_kernel(op: str) -> bool:
    """Return True for an operator whose last bits another kernel may round otherwise."""
    return is_sum(op) or is_function_of_elements(op)


def is_function_of_one_element(op: str) -> bool:
    """Return True for a function of elements that is given no number of the program's besides, as
    `add` is its alpha."""
    return _FUNCTIONS_OF_ONE.fullmatch(shorten(op)) is not None


def is_index_put(op: str) -> bool:
    """Return True for an operator that writes elements, and adds them up if it is told to.

    It is told so where it is the gradient of an index.
    """
    return _INDEX_PUTS.fullmatch(shorten(op)) is not None


def is_draw(op: str) -> bool:
    """Return True for an operator that draws random numbers."""
    return _DRAWS.fullmatch(shorten(op)) is not None
