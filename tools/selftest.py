#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checkers are checked: each finds the one fault put into a small made-up tree, and finds
nothing in the tree without it."""
import pathlib
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parent
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
SOUND = {
    "src/FLOORS": "low:\nhigh: low\n",
    "src/low/egi_low.h": LICENCE,
    "src/low/low.c": LICENCE + '#include "low/egi_low.h"\n#include "engram/pub.h"\n',
    "src/high/egi_high.h": LICENCE,
    "src/high/high.c": LICENCE + '#include "high/egi_high.h"\n#include "low/egi_low.h"\n',
    "include/engram/pub.h": LICENCE,
    "cli/shell.h": LICENCE,
    "cli/shell.c": LICENCE + '#include "engram/pub.h"\n#include "shell.h"\n#include <stdio.h>\n',
}
# checker, file, what is put at its end, what must be said of it
FAULTS = [
    ("check_floors.py", "src/low/low.c", '#include "high/egi_high.h"\n', "may not include high/"),
    ("check_floors.py", "src/low/low.c", '  #  include "high/egi_high.h"\n', "may not include"),
    ("check_floors.py", "src/high/high.c", "#include <sqlite3.h>\n", "belongs to floor store"),
    ("check_floors.py", "src/odd/odd.c", LICENCE, "floor odd is not in"),
    ("check_floors.py", "src/FLOORS", "under: sky\n", "not listed above it"),
    ("check_floors.py", "cli/shell.c", '#include "low/egi_low.h"\n', "only the public headers"),
    ("check_floors.py", "tests/low.c", LICENCE, "same file name as"),
    ("check_budgets.py", "src/low/low.c", "int x;\n" * 500, "lines, more than"),
    ("check_budgets.py", "cli/shell.h", "/* " + 100 * "-" + " */\n", "columns, more than"),
    ("check_budgets.py", "cli/bare.c", "int x;\n", "no SPDX licence line"),
    ("check_budgets.py", "src/low/low.c", "void f(void) { printf(0); }\n", "does not use printf"),
    ("check_budgets.py", "src/low/low.c", "void f(void) { exit (1); }\n", "does not use exit"),
    ("check_budgets.py", "src/low/low.c", "void *f = stderr;\n", "does not use stderr"),
    ("check_budgets.py", "src/low/low.c", '/* exit(1) */ const char *s = "abort()";\n', None),
    ("check_budgets.py", "cli/shell.c", "void f(void) { exit(1); }\n", None),
]


def run(checker, folder, changes):
    for name, text in changes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([sys.executable, TOOLS / checker, folder], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    wrong = 0
    cases = [(checker, None, "", None) for checker in ("check_floors.py", "check_budgets.py")]
    for checker, name, added, expected in cases + FAULTS:
        tree = dict(SOUND)
        if name:
            tree[name] = tree.get(name, "") + added
        with tempfile.TemporaryDirectory() as folder:
            code, said = run(checker, pathlib.Path(folder), tree)
        if (code != 0, expected is None or expected in said) != (expected is not None, True):
            wrong += 1
            print(f"{checker}, {name}: expected {expected!r}, exit {code}: {said}")
    print(f"{len(cases) + len(FAULTS)} cases, {wrong} wrong")
    return bool(wrong)


sys.exit(main())
