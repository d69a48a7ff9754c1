#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a file under src/ includes a floor that src/FLOORS does not allow it, if a system
header appears outside the floor it belongs to, if what stands on the library includes more
than the public headers and its own, or if two C files of the tree share a name.
Usage: check_floors.py ROOT"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
# headers that one floor alone may include: threads, intrinsics, matrix products, the store
HOME = {"omp.h": "base", "immintrin.h": "kernel", "cblas.h": "kernel", "sqlite3.h": "store",
        "mpi.h": "dist"}
# what stands on the library, and whose own headers it may include besides the public ones
# (tests and benchmarks look inside)
STANDS = {"cli": {"cli", "bench"}, "experiments": {"experiments"}, "examples": set()}


def read_floors(path):
    allowed = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            floor, below = (part.strip() for part in line.split(":"))
            unknown = set(below.split()) - set(allowed)
            if unknown:  # floors are listed bottom up, so a circle cannot be written
                sys.exit(f"src/FLOORS: {floor} names {sorted(unknown)}, not listed above it")
            allowed[floor] = set(below.split()) | {floor, "engram"}
    return allowed


def library_findings(rel, text, allowed):
    floor = rel.parts[1]
    if floor not in allowed:
        yield f"{rel}: floor {floor} is not in src/FLOORS"
    for quote, name in INCLUDE.findall(text):
        if quote == '"' and name.split("/")[0] not in allowed.get(floor, {"engram"}):
            yield f"{rel}: floor {floor} may not include {name}"
        if quote == "<" and HOME.get(name, floor) != floor:
            yield f"{rel}: {name} belongs to floor {HOME[name]}"


def outside_findings(root, rel, text):
    for _, name in INCLUDE.findall(text):
        own = any((root / top).is_dir() and any((root / top).rglob(pathlib.Path(name).name))
                  for top in STANDS[rel.parts[0]])
        inner = (root / "src" / name).is_file() or pathlib.Path(name).name.startswith("egi_")
        if inner and not own:
            yield f"{rel}: may not include {name}, only the public headers"


def main(root):
    root = pathlib.Path(root)
    allowed = read_floors(root / "src/FLOORS")
    bad, names = [], {}
    tops = ("src", "include", "tests", "bench", *STANDS)
    for path in sorted(p for top in tops for p in (root / top).rglob("*.[ch]")):
        rel, text = path.relative_to(root), path.read_text(encoding="utf-8")
        if path.name in names:
            bad.append(f"{rel}: same file name as {names[path.name]}")
        names[path.name] = rel
        if rel.parts[0] == "src":
            bad.extend(library_findings(rel, text, allowed))
        elif rel.parts[0] in STANDS:
            bad.extend(outside_findings(root, rel, text))
    print("\n".join(bad) or f"{len(names)} files respect {len(allowed)} floors")
    return 1 if bad else 0


sys.exit(main(sys.argv[1]))
