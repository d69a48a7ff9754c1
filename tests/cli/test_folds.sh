#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Folds, shares and groups as a user meets them, and what is measured on them: no group is parted,
# no area is told where none is defined, no test where nothing varies.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"
json() { # EXPRESSION ARGS...: of what the program prints with --json as j
    local expression=$1
    shift
    "$engram" "$@" --json --quiet >out 2>err </dev/null
    python3 -c "import json, sys; j = json.load(open('out')); assert ($expression), j" 2>>err ||
        problem "engram $*: not $expression"
}

# groups: who has seen one knows its label, and no share and no fold of a search parts one
awk 'BEGIN { print "g,x1,x2,label"; for (g = 0; g < 40; g++) for (i = 0; i < 6; i++)
    printf "g%d,%f,%f,%d\n", g, g * 17 % 40 + i / 100, g * 23 % 40 - i / 100, g * 7 % 5 % 2 }' \
    >grp.csv
echo '{"k": [1, 3]}' >k.json
json 'j["test"]["accuracy"] == 1' train grp.csv --kind knn --set k=1 --skip g --test 0.3
json 'j["test"]["accuracy"] < 0.8 and j["valid"]["accuracy"] < 0.8
    and j["test"]["examples"] % 6 == 0 and j["valid"]["examples"] % 6 == 0' \
    train grp.csv --kind knn --set k=1 --group-column g --test 0.3 --valid 0.2
json 'j["test"]["accuracy"] < 0.8 and all(r["mean"] < 0.8 for r in
    json.load(open("grouped/config.json"))["search"])' \
    train grp.csv --kind knn --grid k.json --group-column g --test 0.3 -o grouped
check 2 'in whole groups, is empty' train grp.csv --kind knn --group-column g --test 0.005

finish
