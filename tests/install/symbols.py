#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shared library exports what the public headers declare, and nothing else.
Usage: symbols.py PREFIX of an installed copy"""
import pathlib
import re
import subprocess
import sys

DECLARED = re.compile(r"^EG_API\b[^;{]*?\b(\w+)\s*\(", re.M)
MACROS = re.compile(r"\b(EG_API|EG_MUST_CHECK|EG_PRINTF\([^)]*\))")


def main(prefix):
    prefix = pathlib.Path(prefix)
    declared = set()
    for header in (prefix / "include/engram").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        for found in DECLARED.finditer(text):
            declaration = MACROS.sub("", text[found.start():found.end()])
            declared.add(re.search(r"(\w+)\s*\($", declaration).group(1))
    listing = subprocess.run(["nm", "-D", "--defined-only", prefix / "lib/libengram.so"],
                             capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
    bad = [f"exported, but in no public header: {name}" for name in sorted(exported - declared)]
    bad += [f"declared, but not exported: {name}" for name in sorted(declared - exported)]
    print("\n".join(bad) or f"{len(exported)} functions exported, all declared")
    return bool(bad) or not exported


sys.exit(main(sys.argv[1]))
