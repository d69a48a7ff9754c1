#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make data/bags/bags.csv.gz: bags of which one row decides, nothing measured, nothing borrowed.

A row is eight normal numbers. A bag of class 1 holds one key, a row near a fixed point, among rows
of noise; a bag of class 0 holds one decoy, near the mirror image of that point in half of its
columns, so that no column alone tells the two apart. Bags have 2 to 12 rows, three have one.

    tools/make_bags.py data/bags
"""

import gzip
import io
import pathlib
import random
import sys

BAGS, COLUMNS, NEAR = 150, 8, 0.35
POINT = [1.6, -1.6, 1.6, 1.6, -1.6, 1.6, -1.6, -1.6]


def row_near(draw: random.Random, point: list[float]) -> list[float]:
    return [x + NEAR * draw.gauss(0, 1) for x in point]


def bag(draw: random.Random, label: int, rows: int) -> list[list[float]]:
    decoy = [x if k % 2 else -x for k, x in enumerate(POINT)]
    told = row_near(draw, POINT if label else decoy)
    noise = [[draw.gauss(0, 1.2) for _ in range(COLUMNS)] for _ in range(rows - 1)]
    noise.insert(draw.randrange(rows), told)
    return noise


def main() -> None:
    draw = random.Random(20261129)
    out = io.StringIO()
    out.write("bag,label," + ",".join(f"x{k + 1}" for k in range(COLUMNS)) + "\n")
    for b in range(BAGS):
        label = b % 2
        rows = 1 if b in (7, 40, 101) else draw.randint(2, 12)
        for line in bag(draw, label, rows):
            out.write(f"b{b + 1},{label}," + ",".join(f"{v:.3f}" for v in line) + "\n")
    path = pathlib.Path(sys.argv[1]) / "bags.csv.gz"
    path.write_bytes(gzip.compress(out.getvalue().encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
