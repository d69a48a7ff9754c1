#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our gradient boosting beside XGBoost (Debian's python3-xgboost), on the same rows.
Usage: xgboost_peer.py PROGRAM TABLE.csv[.gz]...

Seven tenths of each table, drawn, are trained on by both with 50 rounds and XGBoost's defaults
(tree_method exact); printed are differences of margins, and who is right, on the others."""
import csv
import gzip
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import xgboost

ROUNDS = 50
PARAMS = {"eta": 0.3, "max_depth": 6, "lambda": 1, "min_child_weight": 1,
          "tree_method": "exact", "nthread": 1, "base_score": 0.5}


def read(path):
    """Values (N, D) and classes (N) of a table with a column label or class."""
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        rows = list(csv.reader(file))
    names = rows[0]
    label = names.index("label" if "label" in names else "class")
    keep = [i for i, name in enumerate(names)
            if i != label and not name.startswith(("test", "val"))]
    x = np.array([[float(row[i]) for i in keep] for row in rows[1:]], dtype=np.float32)
    classes = sorted({row[label] for row in rows[1:]})
    return x, np.array([classes.index(row[label]) for row in rows[1:]]), len(classes)


def ours(program, folder, x, y, train, test):
    """Scores (tests, K), each row about its mean."""
    for name, part in (("train", train), ("test", test)):
        with open(folder / f"{name}.csv", "w", encoding="utf-8") as file:
            file.write(",".join(f"x{j}" for j in range(x.shape[1])) + ",label\n")
            for i in part:
                file.write(",".join(repr(float(v)) for v in x[i]) + f",{y[i]}\n")
    subprocess.run([program, "train", folder / "train.csv", "--kind", "boosting", "--set",
                    f"rounds={ROUNDS}", "--scale", "none", "-o", folder / "run", "-q"],
                   check=True, capture_output=True)
    said = subprocess.run([program, "predict", folder / "run", folder / "test.csv"], check=True,
                          capture_output=True, text=True).stdout.splitlines()
    z = np.array([[float(v) for v in row[2:]] for row in csv.reader(said[1:])])
    return z - z.mean(1, keepdims=True)


def theirs(x, y, classes, train, test):
    """The same of XGBoost."""
    goal = ({"objective": "binary:logistic"} if classes == 2
            else {"objective": "multi:softprob", "num_class": classes})
    booster = xgboost.train({**PARAMS, **goal}, xgboost.DMatrix(x[train], label=y[train]), ROUNDS)
    z = booster.predict(xgboost.DMatrix(x[test]), output_margin=True)
    if classes == 2:
        z = np.stack([np.zeros_like(z), z], axis=1)
    return z - z.mean(1, keepdims=True)


def main():
    print(f"{'table':28} tested  margins apart, median  same class  right: ours  xgboost")
    for path in map(pathlib.Path, sys.argv[2:]):
        x, y, classes = read(path)
        order = np.random.default_rng(1).permutation(len(y))
        train, test = order[:7 * len(y) // 10], order[7 * len(y) // 10:]
        with tempfile.TemporaryDirectory() as folder:
            a = ours(sys.argv[1], pathlib.Path(folder), x, y, train, test)
        b = theirs(x, y, classes, train, test)
        said = a.argmax(1), b.argmax(1)
        print(f"{path.name:28} {len(test):6} {np.median(np.abs(a - b)):22.2g} "
              f"{(said[0] == said[1]).mean():11.3f} {(said[0] == y[test]).mean():12.3f} "
              f"{(said[1] == y[test]).mean():8.3f}")


if __name__ == "__main__":
    main()
