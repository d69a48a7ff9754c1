#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One linter over the tree: lint.sh NAME BUILD_FOLDER. Exit 77: its tool is not installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
name=$1
build=$2

need() {
    command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; exit 77; }
}

sources() { # the C files that are ours, ended by NUL
    find src include cli bench experiments examples tests \( -name '*.c' -o -name '*.h' \) \
        -print0 2>/dev/null | sort -z
}

case $name in
floors) python3 tools/check_floors.py . ;;
budgets) python3 tools/check_budgets.py . ;;
selftest) python3 tools/selftest.py ;;
headers)
    need g++
    python3 tools/check_headers.py include
    ;;
format)
    need clang-format
    sources | xargs -0 clang-format --dry-run -Werror
    ;;
tidy)
    need clang-tidy
    python3 tools/tidy.py "$build"
    ;;
spelling)
    need codespell
    codespell -q 3 -I tools/spelling.txt README.md CONTRIBUTING.md CHANGELOG.md docs src include \
        cli bench experiments examples tests tools run --skip '*.png,*.npy,*.npz,*.gz,corpus,*.inc'
    ;;
shell)
    need shellcheck
    shellcheck run .ci/run tools/*.sh tests/*/*.sh
    ;;
*)
    echo "no such linter: $name"
    exit 2
    ;;
esac
