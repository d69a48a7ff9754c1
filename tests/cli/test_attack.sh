#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Attacks as a user meets them: the matrix, pictures and report, every row, bad input.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

"$engram" train semeion --hidden 32 --epochs 8 -o net --quiet >out 2>err || problem "train net"
"$engram" train semeion --kind dam --hidden 50 --set t_initial=120 --set t_final=30 \
    --set t_epochs=10 --set rate=0.04 --epochs 12 -o dam/ --quiet >out 2>err || problem "train dam"

"$engram" help --man | grep -q "engram attack" || problem "man page: no attack"
"$engram" help --completion | grep -q -- '--attack) choices="boundary fgsm' ||
    problem "completion: no attacks"

# the matrix in words, with the last row for images as they are
check 0 '^net +[0-9]+ +(9|100)[0-9.]* \+- ' attack net --against dam --data semeion --images 100
check 0 '^\(as they are\) +100 ' attack net --against dam --data semeion --images 100
check 0 'Next: .*-o FOLDER' attack net dam --data semeion --images 20

# pictures, records, report
check 0 'wrote +study/report.html' attack net --against dam/ --data semeion --images 100 \
    --pictures 4 --corrupt blur --amounts 0:2:1 -o study
python3 - <<'PY' || problem "attack: its folder"
import glob, json, re, struct
records = [json.loads(line) for line in open("study/metrics.jsonl")]
assert len(records) == 200 and {r["made_with"] for r in records} == {"net", "dam"}
made = [r for r in records if r["crossed"]]
assert len(made) > 150 and all(0 < r["boundary_l2"] <= r["l2"] + 1e-9 for r in made)
assert all(r["before"][0] == r["class"] != r["after"][0] for r in made)
pairs = glob.glob("study/pair-*.png")
assert len(pairs) == 4
width, height = struct.unpack(">II", open(pairs[0], "rb").read()[16:24])
assert width == 4 * (112 + 8) + 8 and height == 112 + 16, (width, height)
text = open("study/report.html", encoding="utf-8").read()
assert text.count("<img ") == 16 and text.count('class="chart"') == 2
assert not re.search(r'(src|href)="(?!data:)', text), "the report points outside itself"
config = json.load(open("study/config.json"))
assert config["attack"] == "boundary" and len(config["blur"]) == 6
PY

# JSON; the same numbers for other batches
"$engram" attack net dam --data semeion --images 60 --json --quiet >one 2>err || problem "json"
"$engram" attack net dam --data semeion --images 60 --json --quiet --batch 7 >two 2>err
cmp -s one two || problem "attack: another batch, other numbers"
python3 - <<'PY' || problem "attack: its JSON"
import json
j = json.load(open("one"))
assert [(c["made_with"], c["shown_to"]) for c in j["transfer"]] == [
    ("net", "net"), ("net", "dam"), ("dam", "net"), ("dam", "dam")]
assert j["transfer"][0]["share"] >= .95 and j["transfer"][3]["share"] >= .95, j["transfer"]
assert j["models"][1]["clean"]["images"] == 60 == j["images"]
PY

# every row runs, also with the pictures of noise
for row in boundary fgsm pgd-linf pgd-l2 deepfool random rubbish; do
    check 0 '^net +[0-9]+ ' attack net --data semeion --images 20 --attack "$row" -o "of-$row"
done
grep -q 'Noise, with the classes of semeion' of-rubbish/report.html || problem "report of noise"

# bad input
check 2 'which images' attack net
check 2 'takes 256 numbers' attack net --data musk1
check 2 'expected one of boundary fgsm' attack net --data semeion --attack best
check 2 'this attack has no ball' attack net --data semeion --attack deepfool --eps 1
check 2 'expected a list' attack net --data semeion --corrupt noise
check 2 'target 10, expected -1\.\.9' attack net --data semeion --target 10
check 4 'nothing' attack nothing --data semeion
check 4 'study: already there' attack net --data semeion --images 5 -o study
absent 'images '
"$engram" train semeion --scale none --hidden 8 --epochs 1 -o raw --quiet >out 2>err
check 2 'net and raw see their data differently' attack net raw --data semeion
python3 - <<'PY'
import json, struct
raw = bytearray(open("net/model.safetensors", "rb").read())
head = json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])
body = raw[8 + struct.unpack("<Q", raw[:8])[0]:]
at = head["output.bias"]["data_offsets"][0]
body[at:at + 4] = struct.pack("<f", float("nan"))
del head["__metadata__"]["hash"] # a file of another program
text = json.dumps(head).encode()
raw = struct.pack("<Q", len(text)) + text + body
open("nan.safetensors", "wb").write(raw)
PY
check 1 'nan: .*output.bias\[0\]' attack net --against nan.safetensors --data semeion --images 5

# images of the target's class do not count
json=$("$engram" attack net --data semeion --images 60 --target 0 --json --quiet 2>err </dev/null)
python3 - "$json" <<'PY' || problem "attack --target: images that are there already count"
import json, sys
j = json.loads(sys.argv[1])
assert 0 < j["transfer"][0]["images"] < 50 and j["transfer"][0]["share"] > .9, j["transfer"]
PY

finish
