#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers of PyTorch 1.13 (Debian's python3-torch) for tests/golden/test_torch_ops.c.

Usage: golden_torch.py > tests/golden/torch_ops.txt

A case is a line "case NAME", then arrays "NAME RANK SIZES.. VALUES..", one a line: inputs x0,
x1, .., the weights v of the sum s = sum v y, the result y, and ds/dx0, ds/dx1, .. as g0, g1, ..;
indices among the inputs are named i0 and have no gradient. Everything is f64."""
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)


def line(name, x):
    x = x.detach()
    print(name, x.dim(), *x.shape, *(repr(v) for v in x.reshape(-1).tolist()))


def case(name, f, *shapes, index=None, scale=1.0):
    xs = [(scale * torch.randn(*s)).round(decimals=3).requires_grad_() for s in shapes]
    y = f(*xs) if index is None else f(*xs, index)
    v = torch.randn(y.shape).round(decimals=3)
    (v * y).sum().backward()
    print("case", name)
    for k, x in enumerate(xs):
        line(f"x{k}", x)
    if index is not None:
        line("i0", index)
    line("v", v)
    line("y", y)
    for k, x in enumerate(xs):
        line(f"g{k}", x.grad)


def both(x):
    return torch.cat([v.reshape(-1) for v in x])


def recurrent(kind, last):
    """All steps, then the last states, in one line; the weights come as PyTorch names them."""

    def f(x, *state_and_weights):
        states = [s.unsqueeze(0) for s in state_and_weights[:last]]
        hx = tuple(states) if last == 2 else states[0]
        weights = list(state_and_weights[last:])
        module = getattr(torch._VF, kind)
        out = module(x, hx, weights, True, 1, 0.0, False, False, False)
        return both(out)

    return f


T, B, D, H = 4, 2, 3, 2
case("conv1d", lambda x, w: F.conv1d(x, w, stride=2, padding=1), (2, 2, 7), (3, 2, 3))
case("conv1d_dilated", lambda x, w: F.conv1d(x, w, dilation=2, groups=2), (1, 4, 8), (2, 2, 3))
case("conv2d", lambda x, w: F.conv2d(x, w, padding=1), (2, 2, 4, 5), (3, 2, 3, 3))
case("conv2d_all", lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2),
                                         groups=2), (1, 4, 5, 6), (4, 2, 3, 2))
case("conv_transpose1d", lambda x, w: F.conv_transpose1d(x, w, stride=2, padding=1,
                                                         output_padding=1), (2, 3, 4), (3, 2, 3))
case("conv_transpose2d", lambda x, w: F.conv_transpose2d(
    x, w, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2, dilation=(2, 1)),
    (1, 4, 3, 2), (4, 1, 3, 2))
case("max_pool1d", lambda x: F.max_pool1d(x, 3, stride=2, padding=1), (2, 2, 7))
case("max_pool2d", lambda x: F.max_pool2d(x, (2, 3), stride=(2, 1), padding=(1, 1)), (1, 2, 5, 6))
case("avg_pool1d", lambda x: F.avg_pool1d(x, 2), (2, 2, 7))
case("avg_pool2d", lambda x: F.avg_pool2d(x, (3, 2), stride=(1, 2), padding=(1, 1)), (1, 2, 5, 6))
case("adaptive1d", lambda x: F.adaptive_avg_pool1d(x, 3), (2, 2, 7))
case("adaptive2d", lambda x: F.adaptive_avg_pool2d(x, (2, 4)), (1, 2, 5, 6))
case("lstm", recurrent("lstm", 2), (T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,),
     (4 * H,))
case("gru", recurrent("gru", 1), (T, B, D), (B, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,))
case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-5),
     (3, 2, 2, 3), (2,), (2,))
case("layer_norm", lambda x, w, b: F.layer_norm(x, (3, 4), w, b, 1e-5), (2, 3, 4), (3, 4), (3, 4))
case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b, 1e-5), (2, 4, 3), (4,), (4,))
case("cross_entropy", lambda x, i: F.cross_entropy(x, i, reduction="none"), (5, 4),
     index=torch.tensor([2, 0, 3, 1, 2]), scale=3.0)
case("gelu", F.gelu, (3, 5), scale=2.0)
case("selu", F.selu, (3, 5), scale=2.0)
case("elu", lambda x: F.elu(x, 0.7), (3, 5), scale=2.0)
case("silu", F.silu, (3, 5), scale=2.0)
case("grid_sample", lambda x, a: F.grid_sample(
    x, F.affine_grid(a, (2, 2, 3, 4), align_corners=False), "bilinear", "zeros", False),
    (2, 2, 4, 5), (2, 2, 3))
print(f"PyTorch {torch.__version__}", file=sys.stderr)
