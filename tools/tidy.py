#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over our files of a compile database, in parallel. A file that passed is not
looked at again until it, a header it includes, its command line or .clang-tidy changes.
Usage: tidy.py BUILD_FOLDER [NAME...]"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ("src", "cli", "bench", "examples")
INCLUDE = re.compile(rb'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def gather(path, known):
    """path and every file of ours that it includes."""
    if path in known:
        return
    known[path] = path.read_bytes()
    for name in INCLUDE.findall(known[path]):
        for folder in (path.parent, ROOT / "include", ROOT / "src", ROOT / "cli"):
            if (folder / name.decode()).is_file():
                gather((folder / name.decode()).resolve(), known)
                break


def key_of(entry, config):
    known = {}
    gather(pathlib.Path(entry["file"]), known)
    digest = hashlib.sha256(config + entry["command"].encode())
    for path in sorted(known):
        digest.update(str(path).encode() + b"\0" + known[path] + b"\0")
    return digest.hexdigest()


def check(entry, passed, arguments):
    """Empty text if the file is clean."""
    done = subprocess.run(["clang-tidy", "--quiet", *arguments, entry["file"]],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stdout + done.stderr
    passed.touch()
    return ""


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    cache = build / "tidy"
    cache.mkdir(exist_ok=True)
    config = (ROOT / ".clang-tidy").read_bytes()
    # omp.h is gcc's; alone in a folder, since clang's stdatomic.h would go on to gcc's
    (cache / "omp").mkdir(exist_ok=True)
    omp = subprocess.run(["gcc", "-print-file-name=include/omp.h"], capture_output=True,
                         text=True, check=True).stdout.strip()
    shutil.copy(omp, cache / "omp")
    # each file once: clang-tidy 14 tells what is not so of va_list where it sees a file twice
    database = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        database.setdefault(entry["file"], entry)
    (cache / "compile_commands.json").write_text(json.dumps(list(database.values())))
    arguments = [f"-p={cache}", f"--extra-arg=-idirafter{cache / 'omp'}",
                 "--extra-arg=-Wno-unknown-warning-option"]
    todo, count = [], 0
    for entry in database.values():
        path = pathlib.Path(entry["file"])
        if not path.is_file() or not path.is_relative_to(ROOT):
            continue
        rel = path.relative_to(ROOT)
        if rel.parts[0] not in OURS or not all(name in str(rel) for name in sys.argv[2:]):
            continue
        count += 1
        entry["command"] = shlex.join(shlex.split(entry["command"])[:-4])
        passed = cache / key_of(entry, config)
        if not passed.exists():
            todo.append((entry, passed))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda item: check(*item, arguments), todo))
    (cache / "report.txt").write_text("".join(texts))
    print(*sorted({line for line in "".join(texts).splitlines() if "error:" in line}), sep="\n")
    print(f"{count} files, {len(todo)} looked at, {sum(map(bool, texts))} with findings; "
          f"how each comes about: {cache / 'report.txt'}")
    return any(texts)


sys.exit(main())
