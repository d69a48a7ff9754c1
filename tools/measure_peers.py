#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exact neighbours by scikit-learn and scattering by kymatio, beside `engram bench measure` on the
same numbers.

    mkdir peers; engram bench measure --write peers
    tools/measure_peers.py peers [ROUNDS]

One thread, medians of ROUNDS [7] by the clock. scikit-learn goes through all pairs (`brute`), and
TwoNN is computed of its distances as engram computes it; both values are printed. What is not
installed is left out, and said: kymatio is no package of Debian, docs/performance.md keeps what it
took.

Packages: python3-sklearn (Debian), kymatio (PyPI).
"""
import os
import pathlib
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def median(rounds, f):
    """Seconds, and what f returned last."""
    took, result = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        result = f()
        took.append(time.perf_counter() - start)
    return statistics.median(took), result


def twonn(numpy, points):
    """(N - 1) / sum ln(r_2 / r_1) over points that differ, by exact neighbours."""
    from sklearn.neighbors import NearestNeighbors

    points = numpy.unique(points, axis=0)
    search = NearestNeighbors(n_neighbors=3, algorithm="brute", n_jobs=1).fit(points)
    far = search.kneighbors(points)[0]  # the nearest is the point itself
    return (len(points) - 1) / numpy.log(far[:, 2] / far[:, 1]).sum()


def main(argv):
    folder, rounds = pathlib.Path(argv[1]), int(argv[2]) if len(argv) > 2 else 7
    try:
        import numpy
        import sklearn
    except ImportError as error:
        print(f"{error.name} is not installed: no exact neighbours by scikit-learn")
        numpy = None
    if numpy is not None and (folder / "points.npy").exists():
        points = numpy.load(folder / "points.npy")
        ours = float(numpy.load(folder / "twonn.npy").ravel()[0])
        took, theirs = median(rounds, lambda: twonn(numpy, points))
        print(f"scikit-learn {sklearn.__version__}, brute, {points.shape[0]} x {points.shape[1]}: "
              f"{took:.1f} s, TwoNN {theirs:.4f} (engram {ours:.4f})", flush=True)
    try:
        import numpy
        from kymatio.numpy import Scattering2D
    except ImportError as error:
        print(f"{error.name} is not installed: no scattering by kymatio (docs/performance.md)")
        return
    if (folder / "pictures.npy").exists():
        pictures = numpy.load(folder / "pictures.npy").reshape(-1, 3, 32, 32)
        transform = Scattering2D(J=2, shape=(32, 32))
        took, _ = median(rounds, lambda: transform(pictures))
        print(f"kymatio's NumPy, J = 2, {len(pictures)} x 3 x 32 x 32: {took:.2f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv)
