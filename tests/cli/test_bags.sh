#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bags as a user meets them: info, train, eval, predict, compare; choices within folds, many sets;
# tables that are no bags.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# what is read
json 'j["items"] == 150 and j["size"] == 8 and j["bags"] == "991 rows, 1 to 12 a bag"' \
    data info bags
json 'j["items"] == 92 and j["bags"].startswith("476 rows, 2 to 40")' data info musk1
json 'j["items"] == 991 and "bags" not in j' data info bags --bag-column none

# train, measure, ask: a network that pools, and one of vectors by statistics
check 0 'bags +of the whole set: 991 rows' train bags --test 0.3 --epochs 30 --batch 10 -o net
json 'j["accuracy"] > 0.9 and j["examples"] == 45' eval net
json 'j["examples"] == 150 and j["accuracy"] > 0.9' eval net bags
check 0 . train bags --kind forest --set trees=50 --test 0.3 -o trees
json 'j["accuracy"] > 0.7' eval trees
"$engram" predict net bags --json >said 2>err || problem "predict: $(cat err)"
python3 - <<'PY' || problem "predict: not a line a bag, or wrong"
import json
lines = [json.loads(line) for line in open("said")]
assert len(lines) == 150, len(lines)
right = sum(str(line["class"]) == str(i % 2) for i, line in enumerate(lines))
assert right > 135, right
PY
cat >one.csv <<'CSV'
bag,x1,x2,x3,x4,x5,x6,x7,x8
k,1.6,-1.6,1.6,1.6,-1.6,1.6,-1.6,-1.6
k,0,0,0,0,0,0,0,0
CSV
json 'str(j["class"]) == "1"' predict net one.csv
printf 'bag,x1,x2,x3,x4,x5,x6,x7,x8\nk,0,0,0,0,0,0,0,0\nk,1.6,-1.6,1.6,1.6,-1.6,1.6,-1.6,-1.6\n' \
    >two.csv
json 'j["item"] == "k" and j["row"] == 2 and 0.5 < j["weight"] <= 1 and j["sequence"] == ""' \
    predict net two.csv --attended 1
check 2 'nolayer: expected a layer that weighs' predict net two.csv --attended 1 --layer nolayer
check 2 'learner forest has no layers' predict trees two.csv --attended 1
check 2 'items are vectors.*takes bags' predict net one.csv --bag-column none --skip bag

# compare: nested choices, repeats, areas; then several sets
echo '{"learner": {"kind": "knn"}, "grid": {"k": [1, 25]}}' >choose.json
json '[m["model"] for m in j["models"]][0] == "choose" and j["repeats"] == 2
    and len(open("nested/metrics.jsonl").readlines()) == 2 * 2 * 3' \
    compare bags --model choose.json --model class_mean --folds 3 --repeats 2 -o nested
grep -q '"learner": *{"kind": *"knn", *"k": *1' nested/metrics.jsonl ||
    problem "compare: the choice is not told"
cat >folds.csv <<'CSV'
x,label,test1,test2,val1,val2
0.0,0,1,0,0,1
0.1,0,0,1,1,0
0.2,0,0,0,0,0
0.3,0,0,0,0,0
1.0,1,1,0,0,1
1.1,1,0,1,1,0
1.2,1,0,0,0,0
1.3,1,0,0,0,0
CSV
json 'j["folds"] == 2 and j["models"][0]["errors"] == 0' \
    compare folds.csv --own-folds --model choose.json --model class_mean -o own
json '{m["model"] for m in j["models"]} == {"choose", "class_mean"} and len(j["sets"]) == 3
    and sum(m["mean_rank"] for m in j["models"]) == 3 and 0 <= j["friedman_p"] <= 1
    and abs(j["critical_difference"] - 1.96 / 3 ** 0.5) < 1e-3
    and j["sets"][0]["examples"] == 150' \
    compare bags musk1 folds.csv --model choose.json --model class_mean --folds 2 -o many
grep -q 'Ranks over sets' many/report.html || problem "compare: no ranks in the report"
check 2 'none of 2 sets has fewer' compare bags musk1 --below 10 --model knn --model class_mean
check 4 'no-such' compare no-such/ --model knn --model class_mean
echo '{"learner": {"kind": "knn"}, "grid": {"k": 3}}' >nolist.json
check 2 'grid.k: expected a list' compare bags --model nolist.json --model knn

# repertoires: sequences as rows, a motif that the model finds
mkdir -p r/repertoires
python3 - <<'PY'
import random
draw, letters = random.Random(3), "ACDEFGHIKLMNPQRSTVWY"
with open("r/metadata.tsv", "w") as table:
    table.write("filename\tstatus\n")
    for i in range(40):
        table.write(f"repertoires/{i}.tsv\t{'sick' if i % 2 else 'well'}\n")
        with open(f"r/repertoires/{i}.tsv", "w") as f:
            f.write("junction_aa\tproductive\n")
            for k in range(30):
                s = "".join(draw.choice(letters) for _ in range(draw.randint(8, 12)))
                f.write(("CA" + "WWWW" if i % 2 and k == 7 else "") + s + "\tT\n")
            f.write("CA*F\tF\n")
PY
cat >deeprc.json <<'JSON'
{"kind": "network", "optimiser": {"kind": "adam", "rate": 0.01}, "layers": [
 {"kind": "bag_attention", "name": "pool", "share": 0.5, "layers": ["residues",
  {"kind": "conv1d", "channels": 8, "kernel": 4}, "activation", "place_max"]}, "linear"]}
JSON
check 0 'bags +of the whole set: 1200 rows, 30 to 30 a bag' train r/metadata.tsv \
    --label-column status --model deeprc.json --scale none --batch 4 --epochs 20 -o rep
json 'j["accuracy"] == 1' eval rep r/metadata.tsv --label-column status
check 0 'repertoires/1.tsv,8,0\.[0-9]+,CAWWWW' predict rep r/metadata.tsv --attended 1
check 0 '^WWWW,[1-9][0-9]*,[1-9][0-9]*,[0-9.]+$' \
    predict rep r/metadata.tsv --attended 1 --motifs 3
check 2 'has no layers' predict trees bags --motifs 3
check 0 'data info made/metadata.tsv' data implant made --repertoires 4 --sequences 50 --motif WWW
json 'j["items"] == 4 and j["bags"].startswith("200 rows, 50 to 50")' \
    data info made/metadata.tsv --label-column status
check 4 'made: File exists' data implant made
check 2 'expected letters of' data implant other --motif BBB
cp -r r bad && sed -i '3s/^./5/' bad/repertoires/1.tsv
check 3 '1.tsv:3:1: junction_aa: expected letters' data info bad/metadata.tsv

# tables that are no bags
bad() { # WORDS LINE...
    local words=$1
    shift
    printf '%s\n' "$@" >bad.csv
    check 3 "$words" compare bad.csv --model knn --model class_mean
}
bad 'bad.csv:3:1: bag "a": expected one label, got "1" in line 2 and "0" here' \
    bag,label,x a,1,1 a,0,2 b,0,3
bad 'bad.csv:4:1: bag "a": expected its rows one after the other' \
    bag,label,x a,1,1 b,0,2 a,1,3
bad 'bad.csv:2:5: column 3 "x": expected a number, got "nan"' bag,label,x a,1,nan b,0,2
bad 'bad.csv:2:1: bag: expected one, got an empty cell' bag,label,x ,1,2 b,0,2
bad 'bad.csv:3:1: expected 3 cells as in the first line, got 2' bag,label,x a,1,2 b,0
bad 'columns 3 and 4 are both named "x"; rename one' bag,label,x,x a,1,2,3 b,0,1,2
finish
