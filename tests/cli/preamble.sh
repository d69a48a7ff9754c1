# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of the program share. They source it, run in a folder of their own, and end with
# `finish`.
set -u
: "${ENGRAM:?the program to test}" "${ENGRAM_SHARE:?the folder that holds data/}"
engram=$(realpath "$ENGRAM")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export LC_ALL=C TERM=dumb XDG_DATA_HOME=$scratch/home
unset ENGRAM_DATA ENGRAM_MODELS ENGRAM_CALLED_AS
failures=0

problem() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    cat out err 2>/dev/null | sed 's/^/    /' | head -n 12
}
# check EXIT PATTERN ARGS...: the exit code, and a pattern in either stream
check() {
    local want=$1 pattern=$2 got
    shift 2
    "$engram" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" -eq "$want" ] || problem "engram $*: exit $got, expected $want"
    grep -Eq -- "$pattern" out err || problem "engram $*: no \"$pattern\""
}
absent() { # PATTERN: not in what the last check printed
    ! grep -Eq -- "$1" out err || problem "\"$1\" was printed"
}
json() { # EXPRESSION ARGS...: of what the program prints with --json as j
    local expression=$1
    shift
    "$engram" "$@" --json --quiet >out 2>err </dev/null
    python3 -c "import json, sys; j = json.load(open('out')); assert ($expression), j" 2>>err ||
        problem "engram $*: not $expression"
}
finish() {
    echo "$failures failures"
    exit $((failures > 0))
}
