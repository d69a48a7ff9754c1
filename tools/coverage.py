# SPDX-License-Identifier: Apache-2.0
"""Branches that the tests took, of a build for gcov: coverage.py BUILD [FILE...].

A branch is one way out of a condition as gcc compiles it at -O0: two for each if, loop, ?: and
each side of && and ||, one for each case of a switch, also where a macro (EGI_TRY) makes them. Of
the C sources of GROUPS all of them count; there is no list of exceptions. With FILEs, e.g.
store/store.c, the lines of each that have a branch not taken, the numbers of these behind them.
"""

import fnmatch
import json
import pathlib
import subprocess
import sys

GROUPS = {
    "store": ["store/*.c"],
    "readers": ["data/*.c"],
    "files of models": [
        "model/memory_*.c",
        "model/pattern_block.c",
        "model/id_set.c",
        "model/record_list.c",
        "model/binary_[frt]*.c",
        "model/head_[frt]*.c",
        "model/learner_file.c",
        "model/params_file.c",
        "model/onnx_wire.c",
        "model/onnx_tensor.c",
        "model/onnx_graph.c",
    ],
}


def gcov(folder, name):
    """{line: [count of each branch]}, lines run, lines in all."""
    notes = folder / (name + ".gcno")
    out = subprocess.run(
        ["gcov", "--json-format", "--stdout", "--branch-probabilities", str(notes)],
        check=True, capture_output=True, text=True, cwd=folder,
    ).stdout
    branches, lines = {}, {}
    for text in out.splitlines():
        for file in json.loads(text)["files"]:
            if not file["file"].endswith("src/" + name):
                continue
            for line in file["lines"]:
                number = line["line_number"]
                lines[number] = max(lines.get(number, 0), line["count"])
                if line["branches"]:
                    branches.setdefault(number, []).extend(b["count"] for b in line["branches"])
    return branches, lines


def taken(branches):
    counts = [count for line in branches.values() for count in line]
    return sum(count > 0 for count in counts), len(counts)


def share(part, whole):
    return 100 * part / whole if whole else 100.0


def main(build, *files):
    root = pathlib.Path(__file__).resolve().parent.parent / "src"
    folder = pathlib.Path(build).resolve() / "CMakeFiles/engram_objects.dir/src"
    for name in files:
        text = (root / name).read_text().splitlines()
        branches, _ = gcov(folder, name)
        for number in sorted(branches):
            missed = [str(i) for i, count in enumerate(branches[number]) if count == 0]
            if missed:
                print(f"{name}:{number}: {text[number - 1].strip()}  [{' '.join(missed)}]")
    if files:
        return
    for group, patterns in GROUPS.items():
        got = whole = 0
        for path in sorted(root.glob("*/*.c")):
            name = str(path.relative_to(root))
            if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                continue
            branches, lines = gcov(folder, name)
            part, all_of_it = taken(branches)
            run = sum(count > 0 for count in lines.values())
            print(f"{name:<28} {share(part, all_of_it):6.1f} % of {all_of_it:4} branches, "
                  f"{share(run, len(lines)):6.1f} % of lines")
            got, whole = got + part, whole + all_of_it
        print(f"{group}: {share(got, whole):.1f} % of {whole} branches")


if __name__ == "__main__":
    main(*sys.argv[1:])
