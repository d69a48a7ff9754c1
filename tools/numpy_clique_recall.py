#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recall of a clique network in NumPy, timed: the yardstick of `engram bench binary`.

c = 8 clusters of l = 256 units, M = 10 000 messages, half of the clusters erased. The fastest
formulation found ("AND + prune"): the rows of the known units, ANDed, leave the candidates of the
erased clusters, all messages at once; where more than one is left, a candidate must be connected to
at least one in every other cluster, until nothing changes.

Usage: numpy_clique_recall.py [M [QUERIES [RUNS]]]    (10000 10000 7)
"""
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
import numpy as np  # noqa: E402 (after the number of threads)

C, L = 8, 256


def store(messages):
    """W[i, a, j, b]: symbol a of cluster i and b of cluster j were in one message."""
    w = np.zeros((C, L, C, L), bool)
    for i in range(C):
        for j in range(C):
            if i != j:
                w[i, messages[:, i], j, messages[:, j]] = True
    return w


def prune(w, state):
    """One message's candidates (C, L), until nothing changes."""
    while True:
        before = state.sum()
        for i in range(C):
            heard = w[i, state[i]].any(axis=0)  # (C, L)
            heard[i] = True
            state &= heard
        if state.sum() == before:
            return state


def recall(w, messages):
    """The first half is known. Returns the states (Q, C, L)."""
    half = C // 2
    q = len(messages)
    state = np.zeros((q, C, L), bool)
    candidates = w[0, messages[:, 0], half:]
    for i in range(1, half):
        candidates &= w[i, messages[:, i], half:]
    state[np.arange(q)[:, None], np.arange(half), messages[:, :half]] = True
    state[:, half:] = candidates
    for k in np.flatnonzero(candidates.sum(axis=(1, 2)) > C - half):
        prune(w, state[k])
    return state


def main():
    sizes = [int(a) for a in sys.argv[1:]] + [10000, 10000, 7][len(sys.argv) - 1:]
    m, queries, runs = sizes
    rng = np.random.default_rng(1)
    messages = rng.integers(0, L, (m, C))
    w = store(messages)
    asked = messages[:queries]
    truth = np.eye(L, dtype=bool)[asked]
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        state = recall(w, asked)
        seconds.append(time.perf_counter() - start)
    error = (state != truth).any(axis=(1, 2)).mean()
    rate = len(asked) / statistics.median(seconds)
    print(f"{rate:.0f} messages/s, error {error:.4f}, M = {m}")


if __name__ == "__main__":
    main()
