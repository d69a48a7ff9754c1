#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Molecules from SMILES to folds: the tool, both formats, tasks with missing labels, scaffolds.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"
tool=$(dirname -- "$(realpath "${BASH_SOURCE[0]}")")/../../tools/make_fingerprints.py
python=/usr/bin/python3
"$python" -c 'import rdkit' 2>/dev/null ||
    { echo "skipped: this Python has no rdkit (apt-get install python3-rdkit)"; exit 77; }

cat >drugs.csv <<'CSV'
smiles,toxic,"eye, ear"
CCO,0,1
c1ccccc1O,1,
c1ccccc1CC,1,0
C1CCCCC1,0,1
CCN,0,0
this is no molecule,1,1
c1ccccc1N,1,1
C1CCCCC1C,0,0
CSV
mkdir home home/engram
"$python" "$tool" drugs.csv home/engram/drugs/small --bits 256 2>err ||
    problem "make_fingerprints.py"
grep -q '7 molecules, 1 could not be read' err || problem "not counted"
"$python" "$tool" drugs.csv drugs --bits 256 --svmlight --keep toxic 2>err || problem "svmlight"
"$python" "$tool" drugs.csv x --smiles nothing >out 2>err && problem "a column that is not there"
grep -q "no column 'nothing'" err || problem "which column"

# the table beside is found; items that were not measured are left out; groups are scaffolds
check 0 'items +7$' data info drugs --label-column toxic
check 0 'items +6$' data info drugs --label-column 'eye, ear'
check 0 'groups +3$' data info drugs --label-column toxic --group-column scaffold
check 0 'classes +0$' data info drugs
check 3 'no column is named toxi,' data info drugs --label-column toxi

# the same numbers in both formats
for of in 'drugs --label-column toxic' 'drugs.svm --index-base 1'; do
    # shellcheck disable=SC2086 # words
    "$engram" compare $of --model knn --model class_mean --folds 2 --scale none --json --quiet \
        -o "run" >"said" 2>err || problem "compare $of: $(cat err)"
    python3 -c 'import json, sys
for m in json.load(open("said"))["models"]:
    print({k: v for k, v in m.items() if "seconds" not in k})' \
        >"table-${of%% *}" 2>err || problem "$(cat err)"
    rm -rf run
done
cmp table-drugs table-drugs.svm || problem "the formats differ"
[ -s table-drugs ] || problem "nothing compared"

# folds of whole scaffolds: three groups make no four folds
check 2 '4 folds of 3 groups' compare drugs --label-column toxic --group-column scaffold \
    --model knn --model class_mean --folds 4
finish
