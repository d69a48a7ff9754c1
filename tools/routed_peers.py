#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Softmax recall through faiss and hnswlib, beside `engram bench routed` on the same numbers.

    mkdir peers; engram bench routed --write peers
    tools/routed_peers.py peers [CASE ..]

An index returns k neighbours; the softmax over them is the answer. k and the index's own effort
are raised until the largest error over the states, against the softmax over all patterns in f64,
is at most what engram certifies: 1e-3 of the largest norm. Without the exact answer nobody could
know when to stop: a certificate is what these indices lack. One state at a time, one thread, time
of the processor (median over states). Indices are kept in the folder, so that a second call only
measures.

Packages: python3-faiss, python3-hnswlib (Debian).
"""
import os
import pathlib
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
import faiss  # noqa: E402 (after the number of threads)
import hnswlib  # noqa: E402
import numpy as np  # noqa: E402

ERROR, LISTS = 1e-3, 4096
COUNTS = (100, 300, 600, 800, 1000, 2000, 4000, 10000, 50000)
EFFORTS = {
    "faiss flat": [(k,) for k in COUNTS],
    "faiss IVF": [(k, p) for p in (1, 2, 4, 8, 16, 32, 64, 256, 1024, LISTS) for k in COUNTS],
    "hnswlib": [(k, ef) for k in COUNTS[:-1] for ef in (k, 2 * k, 4 * k)],
}
EFFORTS["faiss IVF, PQ"] = EFFORTS["faiss IVF"]


class Case:
    """patterns (N, D), states (Q, D) and what is exact, of NAME-SIMILARITY-BETA."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.drawn, similarity, beta = name.split("-")
        self.dot, self.beta = similarity == "dot", float(beta)
        self.xi, self.x, self.ours = (np.load(folder / f"{name}.{part}.npy")
                                      for part in ("patterns", "states", "answers"))
        self.largest = float(np.sqrt(np.einsum("ij,ij->i", self.xi, self.xi).max()))
        kept = folder / f"{name}.exact.npy"
        if not kept.exists():
            np.save(kept, self.softmax())
        self.exact = np.load(kept)

    def softmax(self):
        """Of every state, over all patterns, in f64."""
        xi, x = self.xi.astype(np.float64), self.x.astype(np.float64)
        out = np.empty_like(x)
        for i in range(0, len(x), 20):
            z = self.beta * (x[i : i + 20] @ xi.T)
            if not self.dot:  # less what all patterns share
                z -= self.beta / 2 * np.einsum("ij,ij->i", xi, xi)
            z -= z.max(axis=1, keepdims=True)
            np.exp(z, out=z)
            out[i : i + 20] = z @ xi / z.sum(axis=1, keepdims=True)
        return out

    def index(self, kind, make, read, write):
        """The index that is kept, or a new one; and how long it took to make."""
        path = self.folder / f"{self.drawn}-{'dot' if self.dot else 'l2'}.{kind}"
        start = time.process_time()
        if not path.exists():
            write(make(), str(path))
            path.with_suffix(path.suffix + "-s").write_text(str(time.process_time() - start))
        return read(str(path)), float(path.with_suffix(path.suffix + "-s").read_text())


def recall(case, at, likeness, x):
    """The softmax over what was returned, by what was returned where that is exact."""
    at, keep = at[at >= 0], at >= 0
    xi = case.xi[at]
    if likeness is None:  # codes alone would cost an error of their own
        likeness = xi @ x if case.dot else -((xi - x)**2).sum(1) / 2
    else:
        likeness = likeness[keep] if case.dot else -likeness[keep] / 2
    z = case.beta * likeness.astype(np.float64)
    p = np.exp(z - z.max()).astype(np.float32)
    return p @ xi / p.sum()


def measure(case, search, order, most):
    """Median seconds a state, largest error as a share of the largest norm; ends at the first state
    of `order` whose error is above `most`, which becomes the first of the next call."""
    took, worst = [], 0.0
    for place, i in enumerate(order):
        start = time.process_time_ns()
        got = recall(case, *search(case.x[i : i + 1]), case.x[i])
        took.append(time.process_time_ns() - start)
        worst = max(worst, float(np.linalg.norm(got - case.exact[i])) / case.largest)
        if worst > most:
            order.insert(0, order.pop(place))
            break
    return statistics.median(took) / 1e9, worst


def faiss_index(case, kind, width):
    metric = faiss.METRIC_INNER_PRODUCT if case.dot else faiss.METRIC_L2
    coarse = (faiss.IndexFlatIP if case.dot else faiss.IndexFlatL2)(case.xi.shape[1])
    if kind == "flat":
        coarse.add(case.xi)
        return coarse
    index = (faiss.IndexIVFFlat(coarse, case.xi.shape[1], LISTS, metric) if kind == "ivf" else
             faiss.IndexIVFPQ(coarse, case.xi.shape[1], LISTS, width, 8, metric))
    index.own_fields = True
    coarse.this.disown()
    index.train(np.random.default_rng(1).permutation(case.xi)[:40 * LISTS])
    index.add(case.xi)
    return index


def by_faiss(case, kind):
    index, made = case.index(kind, lambda: faiss_index(case, kind, 16), faiss.read_index,
                             faiss.write_index)

    def search(x, k, probes=None):
        if probes is not None:
            index.nprobe = probes
        s, at = index.search(x, k)
        return at[0], None if kind == "pq" else s[0]

    return search, made


def by_hnsw(case):
    n, d = case.xi.shape

    def make():
        index = hnswlib.Index(space="ip" if case.dot else "l2", dim=d)
        index.init_index(max_elements=n, ef_construction=100, M=16)
        index.set_num_threads(1)
        index.add_items(case.xi)
        return index

    def read(path):
        index = hnswlib.Index(space="ip" if case.dot else "l2", dim=d)
        index.load_index(path, max_elements=n)
        index.set_num_threads(1)
        return index

    index, made = case.index("hnsw", make, read, lambda index, path: index.save_index(path))

    def search(x, k, effort):
        index.set_ef(effort)
        at, far = index.knn_query(x, k=k)
        return at[0].astype(np.int64), (1 - far if case.dot else far)[0]

    return search, made


PEERS = {"faiss flat": lambda c: by_faiss(c, "flat"), "faiss IVF": lambda c: by_faiss(c, "ivf"),
         "faiss IVF, PQ": lambda c: by_faiss(c, "pq"), "hnswlib": by_hnsw}


def fastest(case, name, search):
    """Of the settings that reach the error the fastest, else the last and largest."""
    found, order = None, list(range(len(case.x)))
    for setting in EFFORTS[name]:
        took, worst = measure(case, lambda x, s=setting: search(x, *s), order, ERROR)
        if worst <= ERROR and (found is None or took < found[0]):
            found = took, worst, setting
        if found is not None and took > 2 * found[0]:
            break
    if found is None:
        found = *measure(case, lambda x: search(x, *setting), order, np.inf), setting
    return found


def main(argv):
    faiss.omp_set_num_threads(1)
    folder = pathlib.Path(argv[1])
    names = argv[2:] or sorted(p.name[:-len(".answers.npy")] for p in folder.glob("*.answers.npy"))
    for name in names:
        case = Case(folder, name)
        off = np.linalg.norm(case.ours - case.exact, axis=1).max() / case.largest
        print(f"{name}: engram is off by at most {off:.1e}, certified {ERROR}", flush=True)
        for peer, open_index in PEERS.items():
            search, made = open_index(case)
            took, worst, setting = fastest(case, peer, search)
            print(f"  {peer}, made in {made:.0f} s: {1e6 * took:.0f} us, k and effort {setting}, "
                  f"largest error {worst:.1e}{'' if worst <= ERROR else ', too large'}", flush=True)


if __name__ == "__main__":
    main(sys.argv)
