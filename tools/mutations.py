#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten lines of each module of the store, the readers and the limits are broken, one at a time, and
the module's tests must notice: mutations.py QUICK STRICT [MODULE...].

The lines are those that an operator of OPERATORS fits, spread evenly over the file, so that nobody
chose them; which operator, says a hash of the line. A broken file is compiled and linked in front
of the library of QUICK (a build with tests); what its module's tests let pass is tried again with
sanitizers, in STRICT, by these and by some of the tests of faults (THOROUGH), and last by LONG.
Noticed: a test fails, crashes, or takes longer than SECONDS. tests/mutations.txt says of each line
that survives why no test can notice; the exit status is 1 where it does not.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES, SECONDS = 10, 400

STORE = "store forged_store store_failures memory_file memory_file_create"
TEXTS = "dataset reading_edges reading_limits"
# A module, and its tests, the quick ones first.
MODULES = {
    "store/store.c": STORE + " paths",
    "store/store_check.c": STORE + " memory_file_repair",
    "store/store_pages.c": STORE,
    "store/store_path.c": STORE + " paths",
    "store/store_record.c": STORE,
    "store/store_sql.c": STORE + " io_errors",
    "base/decimal.c": TEXTS + " json_read",
    "base/file.c": "array_writers dataset paths interrupted bombs",
    "base/json_read.c": "json_read params setting",
    "data/airr.c": "repertoire reading_edges reading_limits",
    "data/csv_header.c": "csv_header bags_csv items dataset",
    "data/data_build.c": TEXTS + " items",
    "data/dataset.c": TEXTS + " items paths",
    "data/gunzip.c": TEXTS + " readers_faults bombs",
    "data/item_labels.c": "items dataset reading_limits",
    "data/jpeg.c": "image reading_limits reading_edges bombs readers_faults",
    "data/line_stream.c": "repertoire reading_limits bombs",
    "data/number.c": TEXTS,
    "data/parts.c": "reading_sets catalogue",
    "data/png.c": "image reading_edges bombs readers_faults",
    "data/read_cifar.c": TEXTS + " reading_sets",
    "data/read_csv.c": TEXTS + " items bags_csv",
    "data/read_folder.c": "image dataset reading_limits paths readers_faults",
    "data/read_fps.c": TEXTS + " items",
    "data/read_idx.c": TEXTS + " items bombs",
    "data/read_npy.c": TEXTS + " bombs",
    "data/read_npz.c": TEXTS + " bombs",
    "data/read_repertoires.c": "repertoire reading_edges reading_limits paths",
    "data/read_svmlight.c": TEXTS + " bombs",
    "data/rows_of_csv.c": "bags_csv items dataset reading_limits",
    "data/write_array.c": "array_writers reading_edges readers_faults",
}

# By floor: what is tried on the survivors.
THOROUGH = {
    "store": "memory_file_damage memory_file_repair memory_load paths",
    "base": "bombs",
    "data": "paths readers_faults",
}
LONG = "failing_calls"  # in QUICK

OPERATORS = [
    (r" == ", " != "), (r" != ", " == "), (r" <= ", " < "), (r" < ", " <= "), (r" >= ", " > "),
    (r" > ", " >= "), (r" && ", " || "), (r" \|\| ", " && "), (r" \+ 1\b", ""), (r" - 1\b", ""),
    (r" \+= ", " -= "), (r" \+ ", " - "), (r" \* ", " + "), (r"\b0\b", "1"),
    (r"^( +)[\w>.\-\[\]*]+ [|&^]?= [^{]*;$", r"\1;"), (r"^( +)\w+\(.*\);$", r"\1;"),
]


def broken(line):
    """The line with one thing changed, or None."""
    code = re.sub(r'"(\\.|[^"\\])*"', lambda m: "\x01" * len(m.group()), line)
    if not re.match(r" {4,}\S", code) or re.match(r"\s*(/?\*|static|const|enum|struct|\{)", code):
        return None
    code = re.sub(r"/\*.*", "", code)
    fits = [o for o in OPERATORS if re.search(o[0], code)]
    if not fits:
        return None
    pattern, to = fits[hashlib.sha256(line.encode()).digest()[0] % len(fits)]
    at = re.search(pattern, code)
    return line[:at.start()] + at.expand(to) + line[at.end():]


def chosen(name):
    """[(number of the line from 0, the line, the broken one)] of a module."""
    lines = (ROOT / "src" / name).read_text().splitlines()
    can = [(i, line, broken(line)) for i, line in enumerate(lines) if broken(line) is not None]
    step = max(len(can) / LINES, 1)
    return [can[int((k + 0.5) * step)] for k in range(min(LINES, len(can)))]


def commands(build, names):
    """{file: how it is compiled}, {test: how it is linked}."""
    entries = json.loads((build / "compile_commands.json").read_text())
    compiled = {e["file"]: e["command"] for e in entries if "/src/" in e["file"]}
    linked = {}
    for test in names:
        out = subprocess.run(["ninja", "-C", str(build), "-t", "commands", f"tests/test_{test}"],
                             check=True, capture_output=True, text=True).stdout
        last = out.splitlines()[-1]
        linked[test] = re.search(r"&& (.* -o tests/test_\S+ .*?) &&", last).group(1)
    return compiled, linked


def try_one(build, made, name, which, tests):
    """What became of one broken line: the test that noticed, "the compiler", or None."""
    number, _, text = which
    compiled, linked = made
    source = ROOT / "src" / name
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files that are synced often
    with tempfile.TemporaryDirectory(dir=memory) as scratch:
        folder = pathlib.Path(scratch)
        lines = source.read_text().splitlines()
        lines[number] = text
        copy, item = folder / source.name, folder / "mutant.o"
        copy.write_text("\n".join(lines) + "\n")
        how = re.sub(r" -o \S+", f" -o {item}", compiled[str(source)])
        how = how.replace(f"-c {source}", f"-c {copy} -w -Wno-error")
        if subprocess.run(how, shell=True, cwd=build, capture_output=True).returncode != 0:
            return "the compiler"
        environment = dict(os.environ, EG_TEST_TMP=scratch, OMP_WAIT_POLICY="passive",
                           EG_TEST_DATA=str(ROOT / "data"), EG_TEST_DOCS=str(ROOT / "docs"),
                           GCOV_PREFIX=scratch)
        for test in tests.split():
            program = folder / test
            how = re.sub(r" -o (\S+)", f" -o {program}", linked[test])
            how = how.replace(" libengram.a", f" {item} libengram.a", 1)
            subprocess.run(shlex.split(how), cwd=build, check=True, capture_output=True)
            try:
                if subprocess.run([program], cwd=folder, env=environment, timeout=SECONDS,
                                  stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
                    return test
            except subprocess.TimeoutExpired:
                return test + " (no end)"
    return None


def tests_of_all():
    return set(" ".join([*MODULES.values(), *THOROUGH.values(), LONG]).split())


def explained():
    """{(module, "line -> broken line"): why it survives}."""
    lines = (ROOT / "tests/mutations.txt").read_text().splitlines()
    rows = [line.split(" | ", 2) for line in lines if line and not line.startswith("#")]
    return {(name, text): why for name, text, why in rows}


def main(quick, strict, *names):
    names = names or tuple(MODULES)
    builds = [pathlib.Path(quick).resolve(), pathlib.Path(strict).resolve()]
    made = [commands(build, tests_of_all()) for build in builds]
    known = explained()

    def judge(job):
        name, which = job
        more = f"{MODULES[name]} {THOROUGH[name.split('/')[0]]}"
        return (try_one(builds[0], made[0], name, which, MODULES[name])
                or try_one(builds[1], made[1], name, which, more)
                or try_one(builds[0], made[0], name, which, LONG))

    jobs = [(name, which) for name in names for which in chosen(name)]
    bad = survived = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for (name, which), noticed in zip(jobs, pool.map(judge, jobs)):
            change = f"{which[1].strip()} -> {which[2].strip()}"
            if noticed is None:
                survived += 1
                why = known.get((name, change))
                bad += why is None
                noticed = f"SURVIVES: {why or 'no reason in tests/mutations.txt'}"
            print(f"{name}:{which[0] + 1}: {change}\n    {noticed}", flush=True)
    print(f"{len(jobs)} lines of {len(names)} modules, {survived} survive, {bad} unexplained")
    return bad > 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--tests"]:  # what the builds must have
        print(*sorted({f"test_{t}" for t in tests_of_all()}))
        sys.exit(0)
    sys.exit(main(*sys.argv[1:]))
