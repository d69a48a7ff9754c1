#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Instruments as a user meets them: dimension of a set, memorised examples, data that have none.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# a plane bent into three columns, a point twice
python3 - <<'PY'
import math, random
random.seed(4)
rows = [(random.random(), random.random()) for _ in range(1500)]
with open("plane.csv", "w") as out:
    print("x,y,z", file=out)
    for u, v in rows + rows[:40]:
        print(math.cos(u), math.sin(u), v, sep=",", file=out)
PY
json 'j["points"] == 1500 and j["equal"] == 40 and j["columns"] == 3
      and all(1.8 < r["dimension"] < 2.25 for r in j["dimension"] if r["estimator"] in
              ("twonn", "mle", "gride", "correlation"))
      and all(r["low"] <= r["dimension"] <= r["high"] for r in j["dimension"])' \
    measure dimension plane.csv
json 'len(j["dimension"]) == 1 and j["dimension"][0]["estimator"] == "mle-pope"' \
    measure dimension plane.csv --estimator mle-pope -k 5
json '[r["estimator"] for r in j["dimension"]] == ["gride 1, 2", "gride 2, 4", "gride 4, 8"]' \
    measure dimension plane.csv --scales -k 8
json 'j["points"] + j["equal"] == 200' measure dimension plane.csv --sample 200
"$engram" measure dimension plane.csv --sample 200 --quiet >one 2>err
"$engram" measure dimension plane.csv --sample 200 --threads 2 --quiet >two 2>err
cmp -s one two || problem "threads change what is measured"

(echo a,b; yes 1,2 | head -n 30) >constant.csv
check 2 '30 points, of which 1 differ: expected 21 or more for 20 neighbours' \
    measure dimension constant.csv
printf 'a,b\n1,2\n3,nan\n' >nan.csv
check 3 'nan.csv:3.*nan' measure dimension nan.csv
check 2 'no instrument "dimensions"; did you mean dimension\?' measure dimensions plane.csv
check 2 'unknown|no estimator|one of' measure dimension plane.csv --estimator nothing

# labels drawn anew are known by heart alone
json 'j["examples"] == 200 and j["models"] == 30 and j["mean"] < 0.4' \
    measure memorisation semeion --limit 200 --kind knn --set k=1 --models 30
json 'j["mean"] > 0.5 and len(j["most_memorised"]) == 3' \
    measure memorisation semeion --limit 200 --kind knn --set k=1 --models 30 --shuffle 1 --top 3
check 0 'labels  of 200 examples drawn anew' \
    measure memorisation semeion --limit 200 --kind knn --set k=1 --models 4 --shuffle 1 \
    --scores scores.csv
lines=$(wc -l <scores.csv)
[ "$lines" -eq 201 ] || problem "scores.csv: $lines lines"
check 2 'label' measure memorisation constant.csv --models 4
finish
