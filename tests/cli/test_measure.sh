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
head -n 11 plane.csv >few.csv
check 2 '10 points, of which 10 differ: expected 21 or more for 20 neighbours' \
    measure dimension few.csv
json 'j["points"] == 10 and all(r["dimension"] > 0 for r in j["dimension"])' \
    measure dimension few.csv -k 5
check 2 'expected 2049 or more for 2048 neighbours' measure dimension plane.csv --scales -k 2048
# two planes far apart, each with its dimension; a lattice, where distances do not differ
python3 - <<'PY'
rows = open("plane.csv").read().split()
with open("apart.csv", "w") as out:
    print(rows[0], file=out)
    for i, row in enumerate(rows[1:]):
        u, v, w = map(float, row.split(","))
        print(u + 100 * (i % 2), v, w, sep=",", file=out)
with open("lattice.csv", "w") as out:
    print("x,y", file=out)
    for i in range(400):
        print(i // 20, i % 20, sep=",", file=out)
PY
json 'all(1.7 < r["dimension"] < 2.3 for r in j["dimension"] if r["estimator"] in
          ("twonn", "mle", "gride"))' measure dimension apart.csv
check 2 'twonn: distances to neighbours do not differ' measure dimension lattice.csv \
    --estimator twonn
printf 'a,b\n1,2\n3,nan\n' >nan.csv
check 3 'nan.csv:3.*nan' measure dimension nan.csv
check 2 'no instrument "dimensions"; did you mean dimension\?' measure dimensions plane.csv
check 2 'unknown|no estimator|one of' measure dimension plane.csv --estimator nothing

# scattering: a folder's worth of pictures as rows
python3 - <<'PY'
import struct
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 16, 12), }"
head += " " * ((-(len(head) + 11)) % 64) + "\n"
with open("pictures.npy", "wb") as out:
    out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    out.write(struct.pack("<1152f", *[(i * 37 % 101) / 101 for i in range(1152)]))
PY
json 'j["pictures"] == 2 and j["channels"] == 81 and j["numbers"] == 81 * 3 * 4 * 3' \
    measure scatter pictures.npy -o scattered.npy
json 'j["channels"] == 9 and j["numbers"] == 9 * 3 * 8 * 6' \
    measure scatter pictures.npy -o scattered.npy -j 1
check 2 'items of 16 x 12, expected pictures of at least 16 x 16' \
    measure scatter pictures.npy -o x.npy --smoothing 4
check 2 '-o FILE.npy' measure scatter pictures.npy

# the same by filters that are learned, on pixels and on a graph of three nodes and one apart
json 'j["items"] == 2 and j["numbers"] == (1 + 3 + 9) * 3 * 4 * 3
      and all(a <= b + 1e-6 <= 1.001 for a, b in zip(j["share_at_first"], j["share_at_last"]))' \
    measure interferometric pictures.npy -o learned.npy --filters 3 --steps 10
printf 'a,b,c,d\n0,1,0,0\n1,0,2,0\n0,2,0,0\n0,0,0,0\n' >edges.csv
printf 'a,b,c,d\n1,2,0,3\n0,1,4,1\n2,2,1,0\n' >nodes.csv
json 'j["items"] == 3 and j["numbers"] == (1 + 2) * 2 and len(j["share_at_last"]) == 1' \
    measure interferometric nodes.csv --graph edges.csv -o learned.npy --filters 2 --order 1 \
    --steps 5
check 2 'expected pictures, or --graph' measure interferometric nodes.csv -o x.npy
check 2 'as many rows as columns' measure interferometric edges.csv --graph nodes.csv -o x.npy
check 2 'expected 1 or 2' measure interferometric pictures.npy --order 0 -o x.npy

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

# how a shared local encoder turns with pictures: the operator behind a scattering transform
cat >encoder.json <<'JSON'
{"kind": "network", "layers": [{"kind": "scattering", "scales": 2, "angles": 4},
 {"kind": "conv2d", "channels": 6, "kernel": 1, "name": "F1"}, "batch_norm",
 {"kind": "activation", "function": "relu"}, {"kind": "conv2d", "channels": 6, "kernel": 1},
 "adaptive_pool2d", "flatten", "linear"]}
JSON
check 0 'learned' train semeion --limit 100 --model encoder.json --epochs 1 -o encoder
json 'j["weights"] == "F1.weight" and j["angles"] == 4 and j["orbits"] == 6 * (2 + 4)
      and 0 < j["concentration"] <= 1
      and abs(sum(r["share"] for r in j["frequencies"]) - 1) < 1e-9' measure rotation encoder
check 2 'measure rotation takes MODEL alone' measure rotation encoder semeion

# a network that was trained: curvature and bounds
check 0 'learned' train semeion --limit 300 --hidden 8 --epochs 5 -o net
json 'j["of"] == "hessian" and j["resolved"] and j["trace"] > 0 and j["numbers"] == 257 * 8 + 90
      and len(j["eigenvalues"]) == 2 and j["eigenvalues"][0]["largest"] > 0' \
    measure hessian net semeion --sample 100 --eigenvalues 2 --draws 2 --density density.csv
[ "$(head -n 1 density.csv)" = eigenvalue,weight ] || problem "density.csv begins otherwise"
json 'j["of"] == "gauss-newton" and j["eigenvalues"][0]["smallest"] > -1e-9' \
    measure hessian net semeion --sample 100 --eigenvalues 1 --draws 2 --gauss-newton
json 'j["layers"] == 2 and len(j["bounds"]) == 15
      and [r["says"] for r in j["bounds"] if r["row"] == "vc"] == ["nothing: vacuous"]
      and 0 <= j["drawn_error"] <= 1' \
    measure bounds net semeion --limit 300 --draws 2
json 'len(j["gibbs"]) == 16 and j["gibbs"][0]["divergence"] == 0 and j["incoherence"] < j["plain"]
      and j["gibbs"][15]["loss"] < j["gibbs"][0]["loss"]' \
    measure bounds net semeion --sample 60 --draws 1 --gibbs
json 'j["layers"][0]["op"] == "input" and j["layers"][0]["numbers"] == 256
      and [r["numbers"] for r in j["layers"] if r["op"] == "Relu"] == [8]
      and all(0 <= r["linear"] <= 1 and 0 <= r["neighbour"] <= 1 for r in j["layers"])
      and j["layers"][0]["linear"] > 0.6' \
    measure layers net semeion --sample 200 --table layers.csv --report layers.html
[ "$(head -n 1 layers.csv | cut -d, -f1-3)" = layer,op,numbers ] || problem "layers.csv"
grep -q 'What is read out of each layer' layers.html || problem "layers.html: no chart"

# other ways to ask what is known by heart: by counting, and over training
json 'j["ease"][0]["measured"] > j["ease"][0]["if_all_were_equal"] and j["epochs"] == 1' \
    measure memorisation semeion --limit 200 --hidden 16 --batch 10 --models 6 --easy 1
json 'len(j["course"]) == 3 and all(0 < r["gini_of_sensitivity"] < 1 for r in j["course"])
      and all(0 <= r["critical_samples"] <= 1 for r in j["course"])' \
    measure memorisation semeion --limit 60 --hidden 8 --epochs 3 --course
check 2 'measure bounds takes MODEL and DATA' measure bounds semeion
check 2 'net: expected a network with a scattering layer' measure rotation net
check 2 'measure dimension takes DATA alone' measure dimension net semeion
finish
