#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Softmax recall through faiss and hnswlib: the yardstick of `engram bench routed`.

The patterns are drawn as there (10^6 x 64, 1000 clusters on the unit sphere, noise 0.05, dot
product). An index returns k neighbours, the softmax over them is the answer; k and the index's
own effort are raised until the largest error over the states, against the softmax over all in
f64, is at most the error asked for. Without the exact answer nobody could know that: it is what
they lack.

Packages: python3-faiss, python3-hnswlib (Debian); what is absent is left out.
Usage: ann_recall.py [BETA [ERROR [N]]]    (200 1e-3 1000000)
"""
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
import numpy as np  # noqa: E402 (after the number of threads)

D, CENTRES, QUERIES, SPREAD = 64, 1000, 200, 0.05


def draw(n):
    rng = np.random.default_rng(1)
    centre = rng.standard_normal((CENTRES, D), dtype=np.float32)
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    xi = SPREAD * rng.standard_normal((n, D), dtype=np.float32)
    xi += centre[np.arange(n) % CENTRES]
    x = xi[rng.integers(n, size=QUERIES)]
    return xi, x + SPREAD / 2 * rng.standard_normal((QUERIES, D), dtype=np.float32)


def softmax_mean(xi, z):
    p = np.exp(z - z.max())
    return p @ xi / p.sum()


def exact(xi, x, beta):
    return np.array([softmax_mean(xi, beta * (xi @ q.astype(np.float64))) for q in x])


def measure(search, xi, x, beta, truth):
    """Median seconds a query, largest error."""
    took, worst = [], 0.0
    for q, y in zip(x, truth):
        start = time.perf_counter()
        s, at = search(q[None])
        at = at[0][at[0] >= 0]
        got = softmax_mean(xi[at], beta * s[0][: len(at)].astype(np.float64))
        took.append(time.perf_counter() - start)
        worst = max(worst, float(np.linalg.norm(got - y)))
    return statistics.median(took), worst


def faiss_rows(xi):
    try:
        import faiss
    except ImportError:
        print("faiss: absent")
        return
    faiss.omp_set_num_threads(1)
    inner = faiss.METRIC_INNER_PRODUCT
    flat = faiss.IndexFlatIP(D)
    flat.add(xi)
    yield "faiss flat", [(f"k={k}", lambda q, k=k: flat.search(q, k)) for k in (100, 2000)]
    for name, make in (("IVF4096", lambda c: faiss.IndexIVFFlat(c, D, 4096, inner)),
                       ("IVF4096,PQ16", lambda c: faiss.IndexIVFPQ(c, D, 4096, 16, 8, inner))):
        coarse = faiss.IndexFlatIP(D)
        index = make(coarse)
        index.train(xi[:: max(1, len(xi) // 200000)])
        index.add(xi)

        def search(q, k, probes, index=index, refine="PQ" in name):
            index.nprobe = probes
            s, at = index.search(q, k)
            if refine:  # codes alone would cost an error of their own
                s = (xi[at[0]] @ q[0])[None]
            return s, at

        yield f"faiss {name}", [(f"k={k} probes={p}", lambda q, k=k, p=p, f=search: f(q, k, p))
                                for p, k in ((4, 100), (4, 1000), (16, 1000), (16, 2000),
                                             (64, 2000), (256, 4000))]


def hnsw_rows(xi):
    try:
        import hnswlib
    except ImportError:
        print("hnswlib: absent")
        return
    index = hnswlib.Index(space="ip", dim=D)
    index.init_index(max_elements=len(xi), ef_construction=100, M=16)
    index.set_num_threads(1)
    index.add_items(xi)

    def search(q, k, effort):
        index.set_ef(effort)
        at, far = index.knn_query(q, k=k)
        return 1 - far, at.astype(np.int64)

    yield "hnswlib M=16", [(f"k={k} ef={e}", lambda q, k=k, e=e: search(q, k, e))
                           for k, e in ((100, 100), (100, 400), (500, 500), (1000, 1000),
                                        (2000, 2000))]


def main(argv):
    beta = float(argv[1]) if len(argv) > 1 else 200.0
    wanted = float(argv[2]) if len(argv) > 2 else 1e-3
    n = int(argv[3]) if len(argv) > 3 else 1000000
    xi, x = draw(n)
    truth = exact(xi, x, beta)
    start = time.perf_counter()
    for q in x[:5]:
        softmax_mean(xi, beta * (xi @ q))
    print(f"NumPy, all in f32: {(time.perf_counter() - start) / 5e-6:.0f} us a query")
    for rows in (faiss_rows, hnsw_rows):
        start = time.perf_counter()
        for name, settings in rows(xi):
            made = time.perf_counter() - start
            for setting, search in settings:
                took, worst = measure(search, xi, x, beta, truth)
                enough = worst <= wanted
                print(f"{name}, made in {made:.1f} s, {setting}: {1e6 * took:.0f} us a query, "
                      f"largest error {worst:.2g}{'' if enough else ', too large'}", flush=True)
                if enough:
                    break
            start = time.perf_counter()


if __name__ == "__main__":
    main(sys.argv)
