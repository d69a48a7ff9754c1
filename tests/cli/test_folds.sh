#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Folds, shares and groups as a user meets them, and what is measured on them: no group is parted,
# no area is told where none is defined, no test where nothing varies.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# groups: who has seen one knows its label, and no share and no fold of a search parts one
awk 'BEGIN { print "g,x1,x2,label"; for (i = 0; i < 7; i++) for (g = 0; g < 40; g++)
    if (i < 3 + g % 5)
        printf "g%d,%f,%f,%d\n", g, g * 17 % 40 + i / 100, g * 23 % 40 - i / 100, g * 7 % 5 % 2 }' \
    >grp.csv
echo '{"k": [1, 3]}' >k.json
json 'j["test"]["accuracy"] == 1' train grp.csv --kind knn --set k=1 --skip g --test 0.3
json 'j["test"]["accuracy"] < 0.8 and j["valid"]["accuracy"] < 0.8
    and abs(j["test"]["examples"] - 60) < 4 and abs(j["valid"]["examples"] - 40) < 4' \
    train grp.csv --kind knn --set k=1 --group-column g --test 0.3 --valid 0.2
json 'j["test"]["accuracy"] < 0.8 and all(r["mean"] < 0.8 for r in
    json.load(open("grouped/config.json"))["search"])' \
    train grp.csv --kind knn --grid k.json --group-column g --test 0.3 -o grouped
check 2 'in whole groups, is empty' train grp.csv --kind knn --group-column g --test 0.005

# areas: the mean over folds that have one, told how many; none where no fold has
awk 'BEGIN { print "x,label"
    for (i = 0; i < 40; i++) printf "%d,%d\n", i * 7 % 40, i * 7 % 40 < 3 }' >rare.csv
json 'j["auc_folds"] == 3 and all(0.4 < m["auc"] <= 1 for m in j["models"])
    and "mean over 3 of 8 folds" in j["notes"]' \
    compare rare.csv --folds 8 --model knn --model class_mean
json 'j["auc_folds"] == 0 and all(m["auc"] is None for m in j["models"])' \
    compare rare.csv --folds 40 --model knn --model class_mean
check 0 'none of 40 folds tests two classes' compare rare.csv --folds 40 --model knn \
    --model class_mean
check 0 'search +1: auc .* over 3 of 8 folds' train rare.csv --kind knn --grid k.json --folds 8 \
    --by auc
absent 'nan'
check 2 'k.json: .*of two classes or more' train rare.csv --kind knn --grid k.json --folds 40 \
    --by auc -o none
[ ! -e none/model.safetensors ] || problem "search: a model without a measure"
echo '{"learner": {"kind": "knn"}, "grid": {"k": [1, 3]}}' >choose.json
check 2 'of two classes or more' compare rare.csv --model choose.json --model knn --inner 32 \
    --by auc

# a class in one fold alone is told; equal differences are no test
sed '2,$s/,1$/,0/; 5s/,0$/,1/' rare.csv >once.csv
check 0 '1 of 4 folds train without one of the classes' compare once.csv --folds 4 --model knn \
    --model class_mean
echo '{"kind": "knn", "k": 1}' >near.json
echo '{"kind": "knn", "k": 8}' >far.json # all that is trained on, half of each class
printf 'x,label\n' >equal.csv
for i in 1 2 3 4 5 6 7 8; do printf '%d,0\n%d,1\n' "$i" "$((i + 100))"; done >>equal.csv
json '[m["accuracy_%"] for m in j["models"]] == [100, 50] and
    all(m[k] is None for m in j["models"] for k in ("t_to_best", "p", "p_corrected"))' \
    compare equal.csv --folds 2 --model near.json --model far.json
check 0 '1 of 2 classes does not occur in what is trained on' train once.csv --kind knn --test 0.9

printf 'x,label\n1,0\n?,1\n' >broken.csv
# of several sets all are read before one is trained on
check 3 'broken.csv:3:' compare rare.csv broken.csv --model knn --model class_mean -o several
[ ! -e several ] || problem "compare: it began before all sets were read"

finish
