#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tables as a user brings them: names of items and of columns that do not agree, labels that are
# missing, folders that no catalogue knows, model files with a slip of the pen.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# a folder of one's own: parts by name, all parts, fingerprints with the names beside them
mkdir -p sets/mine
export ENGRAM_DATA=$scratch/sets
for part in one two; do
    {
        echo 'a,b,c,label'
        for i in 1 2 3 4 5 6 7 8; do echo "$i,$((i % 2 * 100)),$((i % 3)),$((i % 2))"; done
    } >sets/mine/$part.csv
done
printf '#FPS1\n01\tm0\n02\tm1\n04\tm2\n08\tm3\n' >sets/mine/bits.fps
printf 'name,tox\nm0,1\nm1,NaN\nm2,0\nm3,1\n' >sets/mine/bits-items.csv
check 0 'parts +bits, one, two' data info mine
check 0 'engram data info mine/bits' data info mine
check 0 'size +3' data info mine/one
check 0 'left out 1 of 4 items: without a label' data info mine/bits --label-column tox
check 0 'classes +2' data info mine/bits --label-column tox
check 2 'no part "three"; its parts: bits, one, two' data info mine/three
rm sets/mine/bits*
check 0 'mine/two: 8 examples' compare mine/ --model knn --model class_mean --folds 2 -o both
mkdir sets/other
printf '#FPS1\n01\tm1\n02\tm0\n' >sets/other/bits.fps
printf 'name,tox\nm0,1\nm1,0\n' >sets/other/bits-items.csv
check 3 'bits-items.csv:2:1: name: expected "m1", as item 1 of the data is called, got "m0"' \
    data info other

# columns by name: moved, absent, unknown; data without names by position
check 0 . train mine/one --kind knn --set k=1 -o model
awk -F, 'BEGIN { OFS = "," } NR == 1 { print "label,c,b,a" } NR > 1 { print $4, $3, $2, $1 }' \
    sets/mine/one.csv >moved.csv
check 0 'errors +0' eval model moved.csv
check 0 'columns of moved.csv put in the order of model' eval model moved.csv
check 0 'errors +0' eval model sets/mine/one.csv
absent 'put in the order'
sed '1s/b/bb/' sets/mine/one.csv >renamed.csv
check 2 'no column "b", which model was trained on; it has "bb", which' predict model renamed.csv
sed '1s/$/,id/; 2,$s/$/,7/' sets/mine/one.csv >more.csv
check 2 'column "id" is none of the 3 that model was trained on: --skip' eval model more.csv
check 0 'errors +0' eval model more.csv --skip id
check 3 'no column is named ids, as skip_columns \(--skip\) says; did you mean "id"' \
    eval model more.csv --skip ids
check 0 . train mine/one --kind knn --test moved.csv --set k=1 -o tested
check 0 'errors +0' eval tested --part test

# what is written in CSV is read again: a class with a comma and quotes, in header and cells
sed '1!s/0$/"no, ""none"""/' sets/mine/one.csv >quoted.csv
check 0 . train quoted.csv --kind knn --set k=1 -o quoted
"$engram" predict quoted quoted.csv >said.csv 2>err || problem "predict: $(cat err)"
python3 - <<'PY' 2>err || problem "predict: $(cat err)"
import csv
rows = list(csv.reader(open("said.csv")))
assert rows[0] == ["item", "class", "score_1", 'score_no, "none"'], rows[0]
assert all(len(row) == 4 for row in rows), rows
assert rows[2][1] == 'no, "none"', rows[2]
PY

# a key that is none, and nothing to choose
echo '{"learner": {"kind": "knn"}, "grids": {"k": [3]}}' >grids.json
check 2 'grids.json: expected learner and grid alone, got "grids"; did you mean grid\?' \
    compare mine/one --model grids.json --model knn
echo '{"learner": {"kind": "knn"}, "grid": {}}' >nothing.json
check 2 'nothing.json: grid: expected settings to choose' \
    compare mine/one --model nothing.json --model knn
finish
