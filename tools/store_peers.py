#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The yardstick of `engram bench store`: the same patterns in plain SQLite, faiss and hnswlib, each
where it is installed. Usage: store_peers.py [PATTERNS]"""
import os
import sqlite3
import sys
import tempfile
import time

import numpy as np

D, SECONDS, BLOCK = 64, 2.0, 1000
PRAGMA = {"full": "FULL", "normal": "NORMAL", "off": "OFF"}


def show(peer, name, value, unit):
    print(f"{peer:<8} {name:<32} {value:14.1f} {unit}", flush=True)


def sqlite_open(path, durability):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(f"PRAGMA synchronous={PRAGMA[durability]}")
    db.execute("CREATE TABLE IF NOT EXISTS p(id INTEGER PRIMARY KEY, x BLOB)")
    return db


def sqlite_rate(folder, durability, block, x):
    path = os.path.join(folder, f"{durability}-{block}.db")
    db, stored, start = sqlite_open(path, durability), 0, time.perf_counter()
    rows = [(x[i].tobytes(),) for i in range(block)]
    while time.perf_counter() - start < SECONDS:
        db.execute("BEGIN")
        db.executemany("INSERT INTO p(x) VALUES(?)", rows)
        db.execute("COMMIT")
        stored += block
    rate = stored / (time.perf_counter() - start)
    db.close()
    return rate


def sqlite_all(folder, n, x):
    for durability in PRAGMA:
        for block in (1, BLOCK):
            show("sqlite", f"stored by {block}, durability {durability}",
                 sqlite_rate(folder, durability, block, x), "patterns/s")
    path = os.path.join(folder, "all.db")
    db = sqlite_open(path, "off")
    db.execute("BEGIN")
    for at in range(0, n, len(x)):
        db.executemany("INSERT INTO p(x) VALUES(?)",
                       ((r.tobytes(),) for r in x[:min(len(x), n - at)]))
    db.execute("COMMIT")
    db.close()
    start = time.perf_counter()
    db = sqlite3.connect(path)
    show("sqlite", "open", 1e3 * (time.perf_counter() - start), "ms")
    start = time.perf_counter()
    db.execute("PRAGMA integrity_check").fetchall()
    show("sqlite", "integrity_check", 1e3 * (time.perf_counter() - start), "ms")
    start = time.perf_counter()
    rows = np.frombuffer(b"".join(r[0] for r in db.execute("SELECT x FROM p")), np.float32)
    show("sqlite", "load", 1e3 * (time.perf_counter() - start), "ms")
    start = time.perf_counter()
    (rows.reshape(-1, D) @ x[0]).argmax()
    show("sqlite", "first answer", 1e3 * (time.perf_counter() - start), "ms")
    show("sqlite", "on disk", os.path.getsize(path) / n, "bytes/pattern")
    db.close()


def index_all(peer, folder, n, x, make, add, save, load, ask):
    path, index = os.path.join(folder, peer), make(n)
    start = time.perf_counter()
    for at in range(0, n, len(x)):
        add(index, x[:min(len(x), n - at)])
    show(peer, "added, nothing on disk", n / (time.perf_counter() - start), "patterns/s")
    start = time.perf_counter()
    save(index, path)
    show(peer, "whole file saved", 1e3 * (time.perf_counter() - start), "ms")
    start = time.perf_counter()
    index = load(path, n)
    show(peer, "load, nothing verified", 1e3 * (time.perf_counter() - start), "ms")
    start = time.perf_counter()
    ask(index, x[:1])
    show(peer, "first answer", 1e3 * (time.perf_counter() - start), "ms")
    show(peer, "on disk", os.path.getsize(path) / n, "bytes/pattern")


def faiss_all(folder, n, x):
    import faiss
    faiss.omp_set_num_threads(1)
    index_all("faiss", folder, n, x, lambda _: faiss.IndexFlatIP(D), lambda i, y: i.add(y),
              faiss.write_index, lambda p, _: faiss.read_index(p), lambda i, q: i.search(q, 1))


def hnswlib_all(folder, n, x):
    import hnswlib
    n = min(n, 100000)  # its graph takes long to make
    show("hnswlib", "patterns", n, "")

    def load(path, most):
        index = hnswlib.Index("ip", D)
        index.load_index(path, max_elements=most)
        return index

    def make(most):
        index = hnswlib.Index("ip", D)
        index.init_index(max_elements=most, ef_construction=100, M=16)
        index.set_num_threads(1)
        return index

    index_all("hnswlib", folder, n, x, make, lambda i, y: i.add_items(y),
              lambda i, p: i.save_index(p), load, lambda i, q: i.knn_query(q, 1))


def main(n):
    x = np.random.default_rng(1).standard_normal((min(n, 100000), D)).astype(np.float32)
    for name, run in (("sqlite", sqlite_all), ("faiss", faiss_all), ("hnswlib", hnswlib_all)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(folder, n, x)
            except ImportError as why:
                print(f"{name}: not installed ({why})")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000000)
