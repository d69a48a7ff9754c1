#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone and twice, as C17 and as C++17, without a warning, and so
does every ..._INIT of it. Usage: check_headers.py INCLUDE_FOLDER"""
import pathlib
import re
import subprocess
import sys

INIT = re.compile(r"#define\s+(EG_\w+_INIT)\b(?:[^\n]*\\\n)*?[^\n]*?sizeof\((\w+)\)")
WARN = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x"]
LANGUAGES = (["gcc", "-std=c17", *WARN, "c"],
             ["g++", "-std=c++17", "-Wno-missing-field-initializers", *WARN, "c++"])


def main(include):
    include = pathlib.Path(include)
    headers = sorted(include.rglob("*.h"))
    bad = inits = 0
    for path in headers:
        text = f'#include "{path.relative_to(include)}"\n' * 2
        pairs = INIT.findall(path.read_text())
        inits += len(pairs)
        text += "".join(f"extern const {kind} init_{i};\nconst {kind} init_{i} = {name};\n"
                        for i, (name, kind) in enumerate(pairs))
        for command in LANGUAGES:
            done = subprocess.run([*command, f"-I{include}", "-"], input=text, text=True,
                                  capture_output=True, check=False)
            if done.returncode:
                bad += 1
                print(f"{path} by {command[0]}:\n{done.stderr}")
    print(f"{len(headers)} headers, {inits} initialisers, {bad} failures")
    return bool(bad) or not headers or not inits


sys.exit(main(sys.argv[1]))
