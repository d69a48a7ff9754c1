#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The installed release program runs, away from the source tree: program.sh PREFIX
set -euo pipefail
engram=$1/bin/engram
[ -x "$engram" ] || { echo "skipped: no program is installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failures=0

check() { # WANTED_EXIT PATTERN COMMAND...: the exit status, and a pattern in what is printed
    local wanted=$1 pattern=$2 status=0
    shift 2
    "$@" >out 2>&1 </dev/null || status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -qE -- "$pattern" out; then
        echo "$*: exit $status, expected $wanted and \"$pattern\":"
        head -n 20 out
        failures=$((failures + 1))
    fi
}

check 0 'store.*' "$engram" help
check 0 'Usage|usage|engram store' "$engram" store --help
check 2 'did you mean' "$engram" storee
check 0 semeion "$engram" data list
check 0 . "$engram" doctor
exit "$failures"
