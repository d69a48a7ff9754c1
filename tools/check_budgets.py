#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail where a file is over its budget (500 lines, 100 columns), lacks its licence line, or
where the library prints, exits or aborts. Usage: check_budgets.py ROOT"""
import pathlib
import re
import sys

LINES, COLUMNS = 500, 100
TOPS = ("src", "include", "cli", "bench", "experiments", "examples", "tests", "tools", "cmake")
SUFFIXES = {".c", ".h", ".py", ".sh", ".cmake"}
SKIP = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.S)
FORBIDDEN = re.compile(
    r"\b(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|exit|_exit|_Exit|quick_exit"
    r"|abort|signal|sigaction|rand|srand|gets|strcpy|strcat|sprintf|vsprintf|alloca)\s*\("
    r"|\b(stdout|stderr)\b")


def findings(path, rel):
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > LINES:
        yield f"{rel}: {len(lines)} lines, more than {LINES}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{rel}:{number}: {len(line)} columns, more than {COLUMNS}"
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:40]):
        yield f"{rel}: no SPDX licence line at the top"
    if rel.parts[0] == "src" and path.suffix in {".c", ".h"}:
        # blank comments and strings, but keep the lines
        text = SKIP.sub(lambda m: "\n" * m.group().count("\n"), path.read_text(encoding="utf-8"))
        for match in FORBIDDEN.finditer(text):
            number = text.count("\n", 0, match.start()) + 1
            yield f"{rel}:{number}: the library does not use {match.group().rstrip('( ')}"


def main(root):
    root = pathlib.Path(root)
    paths = [p for top in TOPS for p in sorted((root / top).rglob("*")) if p.suffix in SUFFIXES]
    bad = [text for p in paths for text in findings(p, p.relative_to(root))]
    print("\n".join(bad) or f"{len(paths)} files within their budgets")
    return bool(bad)


sys.exit(main(sys.argv[1]))
