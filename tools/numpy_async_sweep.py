#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An asynchronous sweep of a dense associative memory at n = 3 in NumPy, timed.

The yardstick of the packed sweep: the fastest formulations found, one NumPy call a component
for the decision and a few for a change. E = -sum_i s_i^3, s_i = <xi_i, x>; component j changes
if and only if sum over agreeing i of (12 s_i^2 + 16) < sum over all i of (6 s_i^2 + 12 s_i + 8).
With signs, 2 (agreeing sum) = sum h + x_j <xi_j, h>, h = 12 s^2 + 16, which leaves

    x_j <xi_j, h>  <  2 T - sum h  =  24 sum s,      j changes.

Usage: numpy_async_sweep.py [D [N [RUNS]]]    (10000 20000 3)
"""
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
import numpy as np  # noqa: E402 (after the number of threads)


def sweep_float(columns, x, s):
    """columns (D, N) f32: one BLAS dot a component, h and s updated on a change."""
    flips = 0
    h = (12 * s * s + 16).astype(np.float32)
    right = 24 * s.sum()
    for j, column in enumerate(columns):
        if x[j] * np.dot(column, h) >= right:
            continue
        s -= (2 * x[j]) * column
        x[j] = -x[j]
        np.multiply(s, s, out=h)
        h *= 12
        h += 16
        right = 24 * s.sum()
        flips += 1
    return flips


def sweep_blocks(columns, x, s, block=32):
    """The same, a matrix-vector product for the rest of a block of components after a change."""
    flips, j, size = 0, 0, len(x)
    h = (12 * s * s + 16).astype(np.float32)
    right = 24 * s.sum()
    while j < size:
        end = min(j + block, size)
        wrong = np.flatnonzero(x[j:end] * (columns[j:end] @ h) < right)
        if len(wrong) == 0:
            j = end
            continue
        j += wrong[0]
        s -= (2 * x[j]) * columns[j]
        x[j] = -x[j]
        np.multiply(s, s, out=h)
        h *= 12
        h += 16
        right = 24 * s.sum()
        flips += 1
        j += 1
    return flips


def main(d=10000, n=20000, runs=3):
    rng = np.random.default_rng(1)
    columns = rng.integers(0, 2, (d, n), dtype=np.int8).astype(np.float32) * 2 - 1
    stored = columns[:, 0].copy()
    stored[::10] *= -1
    cues = {
        "stored pattern, 10 % changed": stored,
        "random state": rng.choice(np.array([-1, 1], dtype=np.float32), d),
    }
    for name, cue in cues.items():
        best = {}
        for sweep in (sweep_float, sweep_blocks):
            for block in ((8, 32) if sweep is sweep_blocks else (1,)):
                times = []
                for _ in range(runs):
                    x, s = cue.copy(), cue @ columns
                    start = time.perf_counter()
                    more = (block,) if sweep is sweep_blocks else ()
                    flips = sweep(columns, x, s, *more)
                    times.append(time.perf_counter() - start)
                best[f"{sweep.__name__} {block}"] = sorted(times)[runs // 2]
                print(f"{name}: {sweep.__name__}, block {block}: "
                      f"{sorted(times)[runs // 2]:.3f} s, {flips} changed", flush=True)
        least = min(best, key=best.get)
        print(f"{name}: best {best[least]:.3f} s ({least}), D = {d}, N = {n}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
