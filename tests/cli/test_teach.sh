#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Classes taught by examples as a user meets them: teach, classify, forget, merge, kills, what is
# refused.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

cp "$ENGRAM_SHARE/tests/fuzz/corpus/onnx/network.onnx" net.onnx ||
    problem "the network of the tests"

# pictures of two classes, of every kind of size and mode; features of four
python3 - <<'PY' || problem "pictures"
import os, random, struct, zlib


def png(path, width, height, channels, tone):
    def shade(x, y, c):
        return (tone * (x * 3 + y) + 17 * c + (len(path) * x) % 5) % 256
    write(path, width, height, channels,
          b"".join(b"\0" + bytes(shade(x, y, c) for x in range(width) for c in range(channels))
                   for y in range(height)))


def write(path, width, height, channels, rows):
    def part(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n"
                + part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels],
                                            0, 0, 0))
                + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))


for kind, tone in (("stripe", 41), ("plain", 1)):
    os.makedirs(f"photos/{kind}", exist_ok=True)
    for n, size in enumerate(((8, 8, 3), (31, 17, 3), (5, 9, 1), (1, 1, 3), (300, 20, 1))):
        png(f"photos/{kind}/{n}.png", *size, tone)
write("large.png", 3600, 2400, 3, (b"\0" + b"\x20\x90\xf0" * 3600) * 2400)

random.seed(3)
centres = [[abs(random.gauss(0, 1)) for _ in range(24)] for _ in range(4)]
for name, n in (("train", 10), ("test", 25)):
    with open(f"{name}.csv", "w") as f:
        f.write(",".join(f"f{j}" for j in range(24)) + ",class\n")
        for i in range(4 * n):
            f.write(",".join(f"{max(0, c + random.gauss(0, .3)):.4f}" for c in centres[i % 4]))
            f.write(f",kind{i % 4}\n")
with open("short.csv", "w") as f:
    f.write("a,b\n1,2\n")
PY

# pictures, by the network that the file remembers
check 0 '^taught +5' teach birds.egm photos/stripe/*.png --label stripe --network net.onnx \
    --kind mean
check 0 '^classes +2' teach birds.egm photos/plain/*.png --label plain
check 0 'photos/stripe/1.png +stripe ' classify birds.egm photos/stripe/1.png photos/plain/0.png
check 0 'photos/plain/0.png +plain ' classify birds.egm photos/stripe/1.png photos/plain/0.png
check 0 '"votes":\[\{"component":' classify birds.egm photos/plain --json --votes 2
check 0 'right +[0-9]+ of 10' classify birds.egm photos
check 0 '"stripe": ?5' info birds.egm
check 0 'network +net.onnx' info birds.egm
check 0 '^whole +yes' verify birds.egm

# the network is known by what it is, and found beside the file
mkdir moved && cp birds.egm net.onnx moved/ && mv net.onnx away.onnx
check 4 'is not there: --network' classify birds.egm photos/plain/0.png
check 0 ' plain ' classify birds.egm photos/plain/0.png --network away.onnx
check 0 ' plain ' classify moved/birds.egm photos/plain/0.png
check 4 'another network than' classify birds.egm photos/plain/0.png \
    --network "$ENGRAM_SHARE/tests/fuzz/corpus/onnx/gemm.onnx"
mv away.onnx net.onnx

# a file that does not say what its network is does not have it opened, whatever path it names
for sum in none "$(printf '%064d' 0 | tr 0 g)" "$(printf '%065d' 0)"; do
    cp birds.egm nosum.egm
    if [ "$sum" = none ]; then set --; else set -- "$sum"; fi
    "${SET_NOTE:?}" nosum.egm network/sha256 "$@" || problem "the note is not changed"
    "$SET_NOTE" nosum.egm network "$ENGRAM_SHARE/README.md" || problem "the note is not changed"
    check 3 'nosum.egm: names a network, .*README.md, without its sha256.*--network says which' \
        classify nosum.egm photos/plain/0.png
    check 3 'without its sha256' teach nosum.egm photos/plain/0.png --label plain
    check 3 'without its sha256' forget nosum.egm photos/plain/0.png --label plain
done
"$SET_NOTE" nosum.egm network/sha256 || problem "the note is not changed"
check 0 ' plain ' classify nosum.egm photos/plain/0.png --network net.onnx

# forgetting is as if never taught
check 0 '^taught' teach one.egm photos/stripe/*.png --label stripe --network net.onnx --kind mean
"$engram" export one.egm before.safetensors >out 2>err || problem "export"
check 0 '^taught' teach one.egm photos/plain/*.png --label plain
check 0 '^forgotten +1' forget one.egm photos/plain/0.png --label plain
check 1 'no class "plane"; did you mean plain' forget one.egm --label plane
check 1 'not all of these were taught as plain' forget one.egm photos/plain/*.png --label plain
check 0 '^forgotten +4' forget one.egm --label plain
"$engram" export one.egm after.safetensors >out 2>err || problem "export"
cmp -s before.safetensors after.safetensors || problem "something is left of what was forgotten"
check 1 'no class "plain".*it knows stripe' forget one.egm --label plain
check 2 '--label NAME' forget one.egm

# the name goes too, the last example's like the class's, and its number is used again
learning_of() {
    "$engram" info "$1" --json 2>/dev/null | sed -n 's/.*"learning_bytes": \([0-9]*\).*/\1/p'
}
head -n 2 train.csv >row.csv
for gone in "" row.csv; do
    rm -f name.egm
    check 0 '^taught' teach name.egm row.csv --label secretperson --kind mean
    check 0 '^taught' teach name.egm row.csv --label other
    was=$(learning_of name.egm)
    # shellcheck disable=SC2086
    check 0 '^forgotten +1' forget name.egm $gone --label secretperson
    check 0 '' vacuum name.egm
    ! grep -q secretperson name.egm || problem "the name of a forgotten class is in the file"
    for n in 1 2 3; do
        check 0 '^classes +2' teach name.egm row.csv --label "p$n"
        check 0 ' (other|p[1-3]) ' classify name.egm row.csv
        [ "$n" = 3 ] || check 0 '^forgotten' forget name.egm --label "p$n"
    done
    [ "$(learning_of name.egm)" = "$was" ] || problem "forgotten classes keep their bytes"
    check 1 'it knows p3, other$' forget name.egm --label nobody
done
# merged by name: what was forgotten is not carried over, free numbers are taken
check 0 '^taught' teach gap.egm train.csv --kind mean
check 0 '^forgotten' forget gap.egm --label kind1
check 0 '^classes +5' merge gap.egm name.egm -o filled.egm
"$engram" info filled.egm --json | tr -d ' \n' |
    grep -q '"kind0":10,"p3":1,"kind2":10,"kind3":10,"other":1' ||
    problem "a merge does not give free numbers out"
check 0 '^classes +5' merge name.egm gap.egm -o filled2.egm
check 0 '^whole +yes' verify filled2.egm

# rows of features; the budget chooses; unknown; every kind
check 0 '"kind": ?"lda"' teach rows.egm train.csv --budget 1M --classes 4
check 0 'right +9[0-9]|right +100' classify rows.egm test.csv
check 0 '"kind": ?"prototype"' teach small.egm train.csv --budget 600 --classes 4
check 0 'right +([89][0-9]|100) of 100' classify small.egm test.csv
check 5 'the budget is' teach no.egm train.csv --budget 100 --classes 1000
check 5 'us at least' teach no.egm train.csv --budget 1M,1us --classes 100000
check 0 '"kind": ?"lda"' teach fast.egm train.csv --budget 1ms --classes 4
check 0 '"kind": ?"mean"' teach timely.egm train.csv --budget 1000,1ms --classes 4
for kind in mean lda fecam cache knn tilda prototype '{"kind": "ridge", "project": 64}' \
    '{"kind": "binary", "quantiser": {"kind": "anchors", "parts": 12, "anchors": 8}}' \
    '{"kind": "clique", "quantiser": {"kind": "pq", "parts": 8, "anchors": 8}}'; do
    rm -f kind.egm
    case $kind in *quantiser*) fit="--fit train.csv" ;; *) fit="" ;; esac
    # shellcheck disable=SC2086
    [ "$kind" = tilda ] && kind='{"kind": "tilda", "parts": 6}'
    # shellcheck disable=SC2086
    check 0 '^examples +40' teach kind.egm train.csv --kind "$kind" $fit
    check 0 'right +([89][0-9]|100) of 100' classify kind.egm test.csv
    check 0 '^whole +yes' verify kind.egm
done
check 0 '^taught' teach known.egm train.csv --kind mean --unknown 0.1
python3 - <<'PY'
with open("odd.csv", "w") as f:
    f.write(",".join(f"f{j}" for j in range(24)) + "\n")
    f.write(",".join("1" if j == 7 else "-1" for j in range(24)) + "\n")
PY
check 1 'unknown \(' classify known.egm odd.csv
check 0 'too few' teach few.egm train.csv --limit 4 --kind mean --unknown 0.1
# one more example is too few to calibrate anew, and what was calibrated stays
check 0 'too few.*stays as it was' teach known.egm train.csv --limit 1 --label new --unknown 0.1
check 1 'unknown \(' classify known.egm odd.csv
check 0 '^taught' teach kept.egm train.csv --kind knn --unknown 0.1
check 1 'unknown \(' classify kept.egm odd.csv
check 0 '^whole +yes' verify kept.egm

# two devices learn apart and join by the names of classes
head -n 21 train.csv >first.csv
{ head -n 1 train.csv; tail -n 20 train.csv | sort -t, -k25 -r; } >second.csv
check 0 '^taught +20' teach a.egm first.csv --kind mean
check 0 '^taught +20' teach b.egm second.csv --kind mean
check 0 '^examples +40' merge a.egm b.egm -o both.egm
check 0 '^taught +40' teach all.egm train.csv --kind mean
"$engram" classify both.egm test.csv >joined 2>/dev/null
"$engram" classify all.egm test.csv >whole 2>/dev/null
cmp -s joined whole || problem "merged files answer otherwise than one that was taught all"
check 2 'eg_head_merge|features' merge a.egm rows.egm -o no.egm

# each refusal is one clear error
check 2 '24 features, got|rows of 2 numbers, expected' classify rows.egm short.csv
check 2 'rows of 2 numbers, expected' teach rows.egm short.csv --label x
check 2 'has no class' teach new.egm short.csv
check 2 'as 20, 64k, 16M or 1G' teach new.egm train.csv --max-bytes 1T
check 5 'limit' teach new.egm train.csv --max-bytes 1k
check 0 '^taught' teach roomy.egm train.csv --max-bytes 1M
# pictures need a network: said, found, or not meant
check 2 'which a network computes: --network' teach new.egm photos/plain/0.png --label plain
check 2 'which a network computes: --network' teach new.egm photos
[ ! -e new.egm ] || problem "a file was begun without a network"
check 0 '^taught +1' teach pixels.egm photos/plain/0.png --label plain --network none
mkdir models && cp net.onnx models/mobilenet_v2.onnx
ENGRAM_MODELS=nowhere:models check 0 '^network +models/mobilenet_v2.onnx' teach found.egm \
    photos/plain/0.png --label plain
check 0 'network +models/mobilenet_v2.onnx' info found.egm
ENGRAM_MODELS=models check 0 '^taught +1' teach large.egm large.png --label large
check 2 'settled when a file begins' teach rows.egm train.csv --kind knn
check 2 'give one of them' teach new.egm train.csv --kind knn --budget 9k
check 2 'expected bytes' teach new.egm train.csv --budget lots
for wrong in 64k,64k 20us,9ms 0us ',' '64k,' 20s 64kb us; do
    check 2 'expected bytes' teach new.egm train.csv --budget "$wrong"
done
check 2 'expected one of mean' teach new.egm train.csv --kind men
check 2 'no such setting' teach new.egm train.csv --kind '{"kind": "mean", "depth": 2}'
check 4 'nothing.png' teach new.egm nothing.png --label x --network net.onnx
check 2 'without a network' teach rows.egm train.csv --network net.onnx
check 0 '' store dense.egm test.csv --memory nearest
check 2 'holds no taught classes' classify dense.egm test.csv
check 2 'holds taught classes: engram classify' recall rows.egm test.csv
check 2 'is a memory file' export rows.egm rows.onnx
check 0 'taught classes' size rows.egm
check 0 'in all' size net.onnx birds.egm
check 2 'ending in .npy' features net.onnx photos -o features.csv
check 2 'small.egm: a head of kind prototype cannot be merged; these can: mean, lda' \
    merge small.egm rows.egm -o no.egm
check 2 'single examples out; these can: mean, lda' forget small.egm first.csv
check 2 'not taught .held = 1.; these leave out' teach small.egm first.csv --unknown 0.1
# what a new file learns by can do all that the help shows
check 0 '"kind": ?"mean"' teach usual.egm train.csv --unknown 0.1
check 0 '^forgotten +20' forget usual.egm first.csv
check 0 '^merged +2' merge usual.egm usual.egm -o twice.egm
check 2 'a class has a name' teach birds.egm photos/plain/0.png --label ''
check 2 'settled when a file begins' teach birds.egm photos/plain/0.png --label plain --layer c
[ ! -e new.egm ] || problem "a refusal left a file"

examples_of() {
    "$engram" info "$1" --json 2>/dev/null | sed -n 's/.*"examples": \([0-9]*\).*/\1/p'
}
# six at once on a file that is not there: one begins it, all are taught
workers=()
for _ in 1 2 3 4 5 6; do
    "$engram" teach together.egm first.csv --kind mean >/dev/null 2>>together &
    workers+=($!)
done
for worker in "${workers[@]}"; do
    wait "$worker" || problem "one of six that teach at once: $(tail -n 1 together)"
done
[ "$(examples_of together.egm)" = 120 ] || problem "examples of six: $(examples_of together.egm)"
# what a file was begun with may be said again, and nothing else
check 0 '^taught +20' teach together.egm first.csv --kind mean
check 2 'settled when a file begins' teach together.egm first.csv --kind lda
check 2 'settled when a file begins' teach together.egm first.csv --kind \
    '{"kind": "mean", "bits": 4}'
# killed at any moment: what was taught when it returned is there
check 0 '^taught' teach kill.egm first.csv --kind mean
for _ in 1 2 3 4 5; do
    before=$(examples_of kill.egm)
    "$engram" teach kill.egm second.csv >out 2>err &
    job=$!
    kill -KILL $job 2>/dev/null
    wait $job 2>/dev/null
    "$engram" verify kill.egm >out 2>err || problem "a kill left a damaged file"
    after=$(examples_of kill.egm)
    [ "$after" -eq "$before" ] || [ "$after" -eq $((before + 20)) ] ||
        problem "$before examples became $after"
done

# two at once: each in its turn, nothing lost
check 0 '^taught' teach turns.egm first.csv --kind mean
"$engram" teach turns.egm first.csv >/dev/null 2>&1 &
one=$!
"$engram" teach turns.egm second.csv >/dev/null 2>&1 &
two=$!
wait $one || problem "the first of two at once"
wait $two || problem "the second of two at once"
check 0 '^examples +60' info turns.egm

# what docs/learning-by-storing.md shows is run as it stands
mkdir docs bin
ln -s "$engram" bin/engram
python3 - "$ENGRAM_SHARE/docs/learning-by-storing.md" >docs/shown <<'PY'
import re, sys
print("\n".join(re.findall(r"```sh\n(.*?)```", open(sys.argv[1]).read(), re.S)))
PY
[ "$(grep -c '^engram' docs/shown)" -ge 6 ] || problem "the page shows few commands"
(cd docs && PATH="$scratch/bin:$PATH" bash -e shown) >out 2>err ||
    problem "a command of docs/learning-by-storing.md failed"
grep -q 'right   240 of 240' err || problem "docs/learning-by-storing.md: many modes"
grep -q 'right   6 of 6' err || problem "docs/learning-by-storing.md: what it classifies"
finish
