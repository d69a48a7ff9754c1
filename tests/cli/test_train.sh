#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Training as a user meets it: train, eval, predict, compare, rerun; bad input; kill and resume.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"
small=(--limit 400 --epochs 3 --hidden 16)

# help, completion, man page
for verb in train eval predict compare rerun; do
    "$engram" help --man | grep -q "engram $verb" || problem "man page: no $verb"
    "$engram" help --completion | grep -q "$verb) options=" || problem "completion: no $verb"
done
"$engram" help --completion | grep -q -- '--kind) choices=".*dam.*local' ||
    problem "completion: no kinds"
check 0 't_initial +number' help dam
check 0 't_initial +number' train --kind dam --help
check 0 'optimiser' help network
check 0 'adamw +p <- .*Loshchilov' help optimiser
check 0 'last +flag +true' help lstm
check 0 'beta1 +number +0\.9' help optimiser.adam
check 0 'layer.recall: ' help layer.recall
check 0 '"setting":"warm_up"' help cosine --json
check 2 'no command "adm"' help adm
check 0 '"setting":"eps0"' help local --json

# train: what is echoed, the folder, the report, the next command
check 0 'inputs +0\.\.255 -> 0\.\.1' train semeion --test 0.2 --epochs 8 -o net
for what in 'model +.*"hidden": \[256\]' 'test +[89][0-9]\.' 'folder +net' 'report +net/report' \
    'Next: .*engram eval net'; do
    cat out err | grep -Eq "$what" || problem "train: no $what"
done
for file in config.json env.json metrics.jsonl log.txt model.safetensors result.json report.html \
    events.out.tfevents.engram checkpoint; do
    [ -s "net/$file" ] || problem "train: no $file"
done
python3 - <<'PY' || problem "train: its folder"
import html.parser, json, re
config, result = json.load(open("net/config.json")), json.load(open("net/result.json"))
assert config["options"]["epochs"] == 8 and config["options"]["batch"] == 100, config
assert config["learner"]["optimiser"]["kind"] == "sgd" and config["argument"] == "semeion", config
assert result["test"]["examples"] == 319 and result["train"]["examples"] == 1274, result
assert [json.loads(l)["epoch"] for l in open("net/metrics.jsonl")] == list(range(1, 9))
text = open("net/report.html", encoding="utf-8").read()
assert not re.search(r'(src|href)="(?!data:)', text), "the report points outside itself"
assert "What it learned" in text and "Confusions" in text and "Loss by epoch" in text
assert "engram train semeion --test 0.2 --epochs 8 -o net" in text
open_tags = []
class Check(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "img"}:
            open_tags.append(tag)
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        assert open_tags.pop() == tag, tag
Check().feed(text)
assert not open_tags, open_tags
PY
check 4 'already there; --resume' train semeion -o net
for kind in dam local; do
    check 0 'learned' train semeion "${small[@]}" --kind $kind --set rate=0.01 --seed 5 \
        --test 0.1 -o $kind
    grep -q 'What it learned' $kind/report.html || problem "$kind: no pictures"
done
grep -q 'Features or prototypes' dam/report.html || problem "dam: no prototypes"
check 0 '"activation": "rep:2"' train semeion "${small[@]}" --activation rep:2 --valid 0.1 \
    --augment shift:1 --set optimiser=adam --set optimiser.rate=0.003 -o rep
check 0 'rate": 0\.003' train -o rep --resume
grep -q 'held out' rep/report.html || problem "train --valid: no curve"
json 'j["stopped_early"] and j["epochs"] < 60 and j["valid"]["examples"] == 80' \
    train semeion --limit 400 --epochs 60 --valid 0.2 --patience 1 -o early

# what was asked wrongly
check 2 'did you mean optimiser' train semeion --set optimizer=adam
check 2 'did you mean dam' train semeion --kind dan
check 2 'hidden: expected a count in 1' train semeion --kind dam --hidden ten -o bad
check 2 'energy: expected one of power, rectified, got "x"' train semeion --kind dam \
    --set energy=x -o bad
check 2 'expected KEY=VALUE' train semeion --set rate
check 2 'expected shift:PIXELS' train semeion --augment turn:3 -o bad
check 2 'share between 0 and 1' train semeion --test 1.5 -o bad
check 2 'patience needs' train semeion --patience 3 -o bad
check 2 'which data' train
check 2 'which folder' train --resume
check 2 'holds no run' train --resume -o nowhere
check 4 'neither a file nor a data set' train no-such-thing -o bad
check 4 'no-such.json: no such file' train semeion --model no-such.json -o bad
echo '{"kind": "dam", "n": 2,}' >broken.json
check 2 'broken.json:1:[0-9]+: JSON' train semeion --model broken.json -o bad
echo '{"kind": "network", "layers": [{"kind": "linear", "units": "ten"}]}' >ten.json
check 2 'ten.json: layers\[0\].units: expected a count .* got "ten"' \
    train semeion --model ten.json -o bad
check 2 'ten.json, with what --set changes: ' train semeion --model ten.json --set loss=mse -o bad
check 2 'ten.json: layers\[0\]' compare semeion --model dam --model ten.json -o bad
check 2 'engram: initialiser: expected one of zeros' train semeion --set initialiser=x -o bad
mkdir -p folder
check 2 'folder: is a folder, expected a JSON file' compare semeion --model folder --model dam
check 2 '-o: expected a folder, got -' train semeion -o -
python3 - <<'PY'
import random
random.seed(1)
with open("quantity.csv", "w") as f:
    f.write("a,b,label\n")
    for _ in range(50):
        f.write(f"{random.random():.4f},{random.random():.4f},{random.gauss(0, 1):.6f}\n")
PY
check 2 'quantity.csv: its labels are numbers such as .*, 50 of them on 50 items' \
    train quantity.csv -o bad
check 2 'quantities are not learned' compare quantity.csv --model knn --model network -o bad
printf 'a,b\n1,2\n3,4\n' >bare.csv
check 2 'bare.csv has no labels' train bare.csv -o bad
[ ! -e bad ] || problem "a folder was left by what was never begun"
check 2 'begun with --epochs 8, not 9' train -o net --resume --epochs 9
check 2 'begun with --seed 0, not 5' train -o net --resume --seed 5
check 2 'begun with semeion' train bare.csv -o net --resume

# diverging: the step and the parameter, and what is kept
check 1 'step [0-9]+, epoch' train semeion "${small[@]}" --set optimiser.rate=1e6 --set loss=mse \
    -o diverged
cat out err | grep -q 'last good checkpoint' || problem "diverged: no word of a checkpoint"
[ -s diverged/model.safetensors ] || problem "diverged: no model kept"
echo '{"kind": "network", "hidden": [64, 64], "activation": "rep:3", "loss": "mse",
    "optimiser": {"kind": "sgd", "rate": 0.5}}' >rep3.json
check 1 'step 1, epoch 1: network: a score is .* fc' train semeion --model rep3.json \
    --checkpoint 0 -o overflow
cat out err | grep -q 'set optimiser.rate' || problem "diverged: no word of the rate"
check 0 'right %' eval overflow semeion

# eval and predict: labels by name, scaling as in training, shapes, files
json 'j["examples"] == 319
    and j["errors"] == json.load(open("net/result.json"))["test"]["errors"]' eval net
json 'j["accuracy"] == 1 and sum(map(sum, j["confusion"])) == 1274' eval net --part train
check 2 'without a part "valid"' eval net --part valid
check 0 'right %' eval net/model.safetensors semeion
printf 'a,b,label\n1,2,x\n3,4,y\n' >two.csv
check 2 'two.csv: items of 2 numbers, net takes 256 numbers \(pictures of 16x16\)' eval net two.csv
check 4 'absent' eval absent semeion
cp -r net damaged
printf 'XXXX' | dd of=damaged/model.safetensors bs=1 seek=40 conv=notrunc status=none
check 3 'damaged/model.safetensors' eval damaged semeion
python3 - <<'PY'
import random
random.seed(3)
for name, classes in (("points", "uvw"), ("some", "wv"), ("other", "uz")):
    with open(name + ".csv", "w") as f:
        f.write("x,y,label\n")
        for i in range(120):
            k = random.choice(classes)
            x = 1000 * "uvw".find(k) + random.gauss(0, 30)
            f.write(f"{x:.3f},{random.gauss(0, 1e-3):.6f},{k}\n")
PY
check 0 'each column to mean 0' train points.csv --epochs 20 --hidden 8 -o points
json 'j["accuracy"] > 0.99 and j["classes"] == ["u", "v", "w"]' eval points points.csv
mkdir -p sets/mnist # what is measured is scaled as what is trained on, its classes by name
cp points.csv sets/mnist/train.csv
cp some.csv sets/mnist/test.csv
export ENGRAM_DATA=$scratch/sets
json 'j["test"]["accuracy"] > 0.99 and j["valid"]["examples"] == 24' \
    train mnist/train --test test --valid 0.2 --epochs 20 --hidden 8 -o parts
json 'j["accuracy"] > 0.99 and j["data"] == "mnist/test"' eval parts mnist --part test
"$engram" reproduce local-rule --json --quiet --seed 3 --threads 1 >out 2>err # of other numbers
python3 - <<'PY' || problem "reproduce: no word of how it ran"
import json
j = next(l for l in map(json.loads, open("out")) if "learners" in l)
assert j["experiment"] == "local-rule" and j["setting"] == "quick" and j["seconds"] > 0, j
assert j["seed"] == 3 and j["threads"] == 1 and j["engram"] and j["cpu"] and j["kernels"], j
unit, none = j["learners"]
assert (unit["learner"], unit["data"], unit["examples"]) == ("unit", "mnist/train", 120), unit
assert unit["spec"]["kind"] == "local" and unit["spec"]["share"] == 0.6, unit
assert "eps0" in unit["spec"] and none["spec"]["norm"] == "none", none # defaults too
assert unit["epochs"] == 20 and unit["batch"] == 100 and unit["steps"] == 40, unit
assert len(unit["hash"]) == 16 and not unit["resumed"], unit
PY
check 2 'other.csv: item [0-9]+ is of class z' train mnist/train --test other.csv -o bad
unset ENGRAM_DATA
json 'j["accuracy"] > 0.99 and j["examples"] == 120' eval points some.csv
check 2 'is of class z, which is none of the 3' eval points other.csv
check 0 '^0,[uvw],' predict points some.csv --limit 2
"$engram" predict points some.csv --limit 5 --json --quiet >out 2>err
python3 - <<'PY' || problem "predict --json"
import csv, json
rows = [json.loads(l) for l in open("out")]
names = [r["label"] for r in csv.DictReader(open("some.csv"))][:5]
assert [r["class"] for r in rows] == names and set(rows[0]["scores"]) == set("uvw"), rows
PY
# a user's own picture: another size, black on white
check 0 . store digits.egm semeion --limit 50
check 0 . export digits.egm digits.npy
python3 - <<'PY'
import struct, zlib
raw = open("digits.npy", "rb").read()
at = 10 + struct.unpack("<H", raw[8:10])[0] + 20 * 256 * 4
x = struct.unpack("<256f", raw[at:at + 1024])
w = h = 16
big = b"".join(b"\0" + bytes(0 if v > 0 else 255 for v in x[y * w:(y + 1) * w] for _ in "xxx")
               for y in range(h) for _ in "xxx")
def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
head = struct.pack(">IIBBBBB", 3 * w, 3 * h, 8, 0, 0, 0, 0)
open("own.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
                            + chunk(b"IDAT", zlib.compress(big)) + chunk(b"IEND", b""))
PY
"$engram" predict net semeion --limit 21 -q 2>err | tail -n 1 | cut -d , -f 2- >want
check 0 'inverted, its border is light' predict net own.png
[ "$(tail -n 1 out | cut -d , -f 2-)" = "$(cat want)" ] || problem "predict: another picture"
check 2 'not pictures' predict points own.png

# rerun: the same bits; a folder that was changed; one that has not ended
json 'j["same"] is True' rerun dam -o dam-again --threads 1
python3 - <<'PY'
import json
j = json.load(open("dam/result.json"))
j["hash"] = "0" * 16
json.dump(j, open("dam/result.json", "w"))
PY
check 1 'same +no' rerun dam -o dam-third
check 4 'config.json: no such file' rerun "$scratch"
cp points.csv moved.csv
check 0 . train moved.csv --epochs 2 --hidden 8 -o moved
sed -i '2s/^[^,]*/7/' moved.csv
json 'j["same"] is False and j["not_as_it_was"] == ["data"]' rerun moved -o moved-again
rm diverged/result.json 2>/dev/null
check 1 'has not ended' rerun diverged
mkdir strange && echo '{"command": "x"}' >strange/config.json
check 3 'not written by engram train' rerun strange

# searching, comparing
echo '{"n": [2, 3], "rate": [0.05]}' >grid.json
check 0 'best +row [12] of 2, over 3 folds' train semeion "${small[@]}" --kind dam \
    --grid grid.json --folds 3 -o searched
grep -q 'What was searched' searched/report.html || problem "search: not in the report"
# what was ended before there is a config goes on from the folds that were done
mkdir ended && head -n 4 searched/search.jsonl >ended/search.jsonl
check 0 'best +row [12] of 2, over 3 folds' train semeion "${small[@]}" --kind dam \
    --grid grid.json --folds 3 -o ended --resume
[ "$(grep -c decides ended/search.jsonl)" = 6 ] || problem "search: folds trained again"
cmp -s searched/model.safetensors ended/model.safetensors || problem "search: another model"
echo '{"n": 3}' >nolist.json
check 2 'expected a list' train semeion "${small[@]}" --kind dam --grid nolist.json -o bad
echo '{"kind": "dam", "hidden": 16, "t_initial": 60, "t_final": 60, "rate": 0.05}' >a.json
echo '{"kind": "network", "hidden": [16]}' >b.json
json 'len(j["models"]) == 2 and {m["model"] for m in j["models"]} == {"a", "b"}
    and j["models"][0]["rank"] == 1 and j["models"][0]["accuracy_%"] > j["models"][1]["accuracy_%"]
    and j["models"][1]["t_to_best"] < 0 and 0 <= j["models"][1]["p"]
    and j["models"][1]["p"] <= j["models"][1]["p_corrected"] <= 1
    and len(open("both/metrics.jsonl").readlines()) == 6' \
    compare semeion --model a.json --model b.json --folds 3 --limit 300 --epochs 5 -o both
python3 - <<'PY' || problem "compare: the test"
import json, math
rows, folds = json.load(open("out"))["models"], {"a": [], "b": []}
for line in open("both/metrics.jsonl"):
    j = json.loads(line)
    folds[j["model"]].append(j["accuracy"])
d = [x - y for x, y in zip(folds[rows[1]["model"]], folds[rows[0]["model"]])]
mean = sum(d) / 3
variance = sum((x - mean) ** 2 for x in d) / 2
for key, of in (("p", 1 / 3), ("p_corrected", 1 / 3 + 1 / 2)):
    t = mean / math.sqrt(variance * of)
    want = 1 - abs(t) / math.sqrt(2 + t * t)  # two degrees of freedom
    assert abs(rows[1][key] - want) < 1e-6, (key, rows[1], want)
PY
grep -q 'Side by side' both/report.html || problem "compare: no report"
# a row, or a model, that diverges is told, and the rest goes on
echo '{"optimiser.rate": [1e6, 0.1]}' >rates.json
check 0 'best +row 2 of 2, over 2 folds' train semeion "${small[@]}" --set loss=mse \
    --grid rates.json --folds 2 -o rates
cat out err | grep -Eq 'search +1: diverged \(step [0-9]+, epoch' || problem "grid: no word of it"
grep -q '"value": null' rates/search.jsonl || problem "grid: diverging is not in the record"
python3 - <<'PY' || problem "grid: its config"
import json
j = json.load(open("rates/config.json"))
assert [r["mean"] is None for r in j["search"]] == [True, False], j["search"]
assert j["learner"]["optimiser"]["rate"] == 0.1
PY
echo '{"optimiser.rate": [1e6]}' >rates.json
check 1 'rates.json: each of 1 rows diverged' train semeion "${small[@]}" --set loss=mse \
    --grid rates.json --folds 2 -o lost
echo '{"optimiser.rat": [1e6, 0.1]}' >rates.json # the corrected command is taken
check 2 'rates.json: row 1: optimiser.rat: no such setting' train semeion "${small[@]}" \
    --grid rates.json --folds 2 -o again
[ ! -e again ] || problem "grid: a folder was left by what was never begun"
echo '{"kind": "network", "hidden": [16], "loss": "mse",
    "optimiser": {"kind": "sgd", "rate": 1e6}}' >wild.json
json '[m["model"] for m in j["models"]] == ["b", "wild"] and j["models"][1]["diverged"] == 1
    and j["models"][1]["accuracy_%"] is None and j["models"][0]["diverged"] is None
    and len(open("wilds/metrics.jsonl").readlines()) == 4' \
    compare semeion --model wild.json --model b.json --folds 3 --limit 300 --epochs 2 -o wilds
json '[(m["model"], m["mean_rank"]) for m in j["models"]] == [("b", 1), ("wild", 2)]
    and j["sets"][0]["wild"] is None' compare semeion semeion --model wild.json --model b.json \
    --folds 2 --limit 300 --epochs 2 -o wilds2
echo '{"learner": {"kind": "network", "hidden": [16], "loss": "mse"},
    "grid": {"optimiser.rate": [1e6, 0.1]}}' >nest.json # the row that diverges is not chosen
json '[m["diverged"] for m in j["models"]] == [None, None] and all(
    json.loads(l)["learner"]["optimiser"]["rate"] == 0.1 for l in open("nests/metrics.jsonl")
    if "nest" in l)' compare semeion --model nest.json \
    --model b.json --folds 2 --inner 2 --limit 300 --epochs 8 -o nests
check 1 'every model diverged' compare semeion --model wild.json --model wild.json --folds 2 \
    --limit 300 --epochs 2 -o lost2
check 2 'give 2 or more' compare semeion --model a.json
check 2 'expected a count' compare semeion --model a.json --model ten.json

# Ctrl-C, then kill -9 twice, then the end: the bits of a run that nothing disturbed
long=(train semeion --kind dam --hidden 64 --set rate=0.05 --epochs 60 --checkpoint 0 -q)
check 0 . "${long[@]}" -o whole --checkpoint 30
python3 - "$engram" "${long[@]}" <<'PY' || problem "train: Ctrl-C and kill"
import glob, os, signal, subprocess, sys, time
def hears():  # a shell's background job ignores SIGINT
    signal.signal(signal.SIGINT, signal.default_int_handler)
def started(args):
    p = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hears)
    seen = max(glob.glob("torn/checkpoint/step-*.safetensors"), default="")
    until = time.monotonic() + 60
    while time.monotonic() < until and p.poll() is None:
        newest = sorted(glob.glob("torn/checkpoint/step-*.safetensors"))
        if newest and newest[-1] > seen and not newest[-1].endswith("0000.safetensors"):
            break
        time.sleep(0.005)
    return p
p = started(sys.argv[1:] + ["-o", "torn"])
p.send_signal(signal.SIGINT)
err = p.communicate()[1]
assert p.returncode == 130 and b"a checkpoint is in torn/checkpoint" in err, (p.returncode, err)
for _ in range(2):
    p = started([sys.argv[1], "train", "-o", "torn", "--resume", "-q"])
    p.kill()
    p.communicate()
    assert p.returncode == -9, p.returncode
PY
[ ! -e torn/result.json ] || problem "resume: it ended before it was killed"
newest=$(find torn/checkpoint -name 'step-*.safetensors' | sort | tail -n 1)
printf 'XXXX' | dd of="$newest" bs=1 seek=2000 conv=notrunc status=none # the one before serves
check 0 'learned' train -o torn --resume
[ "$(python3 -c 'import json; print(json.load(open("torn/result.json"))["hash"])')" = \
    "$(python3 -c 'import json; print(json.load(open("whole/result.json"))["hash"])')" ] ||
    problem "resume: other bits than a run that was never stopped"
grep -q 'checkpoint of step' torn/log.txt || problem "resume: no word of the damaged checkpoint"
for f in torn/checkpoint/step-*.safetensors; do
    printf 'XXXX' | dd of="$f" bs=1 seek=2000 conv=notrunc status=none
done
check 3 'no checkpoint is whole.*without torn/checkpoint the run begins anew' train -o torn --resume

# progress on a terminal has the time that is left
python3 - "$engram" >out 2>&1 <<'PY' || problem "progress: no time left"
import os, pty, select, subprocess, sys, time
master, terminal = pty.openpty()
p = subprocess.Popen([sys.argv[1], "train", "semeion", "--epochs", "100000", "-o", "slow"],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal)
seen, until = b"", time.monotonic() + 30
while b" to go" not in seen and time.monotonic() < until:
    if select.select([master], [], [], 0.1)[0]:
        seen += os.read(master, 65536)
p.kill()
p.wait()
assert b" to go" in seen, seen[-400:]
PY

finish
