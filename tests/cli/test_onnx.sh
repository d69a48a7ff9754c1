#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pretrained networks as a user meets them: import, features, what is refused.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

cp "$ENGRAM_SHARE/tests/fuzz/corpus/onnx/network.onnx" net.onnx ||
    problem "the network of the tests"
cp "$ENGRAM_SHARE/tests/fuzz/corpus/onnx/gemm.onnx" gemm.onnx || problem "another one"

# pictures of two classes and of every kind of size
python3 - <<'PY' || problem "pictures"
import os, struct, zlib


def png(path, width, height, channels):
    rows = b"".join(b"\0" + bytes((7 * x + 13 * y + 50 * c) % 256 for x in range(width)
                                  for c in range(channels)) for y in range(height))
    def part(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n"
                + part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels],
                                            0, 0, 0))
                + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))


for kind, size in (("cat", (8, 8, 3)), ("cat", (31, 17, 3)), ("dog", (5, 9, 1)),
                   ("dog", (8, 8, 1))):
    os.makedirs(f"photos/{kind}", exist_ok=True)
    png(f"photos/{kind}/{size[0]}-{size[2]}.png", *size)
PY

check 0 '^opset +13' import net.onnx
check 0 '^nodes +8' import net.onnx
check 0 'pixels +\(pixel - 128\) x 0\.0078125' import net.onnx
check 0 'picture float \(any, 3, 8, 8\)' import net.onnx
check 0 '^Gemm,logits,"\(4, 5\)",' import net.onnx --shapes --batch 4
check 0 'wrote +weights.safetensors' import net.onnx -o weights.safetensors
check 0 '"nodes": 8' import net.onnx --json
check 0 '^run ms +[0-9.]+$' import net.onnx --time 3
check 0 '^frozen nodes +[0-9]+$' import net.onnx --time 3

check 0 '^numbers +64' features net.onnx photos -o f.npy --labels-to y.npy --batch 3
check 0 '^numbers +64' features net.onnx photos -o one.npy --batch 1
cmp -s f.npy one.npy || problem "batches change features"
check 0 '^layer +logits' features net.onnx photos -o l.npy --layer logits --stretch
check 0 '^numbers +256' features net.onnx photos/cat/8-3.png -o a.npy --layer c
check 0 'pictures +4' features net.onnx photos -o m.npy --mean 0.5 --std 0.5,0.5,0.5
python3 - <<'PY' || problem "features"
import array, math


def npy(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[8:10], "little")
    numbers = array.array("f")
    numbers.frombytes(data[10 + size:])
    return eval(data[10:10 + size])["shape"], numbers


shape, f = npy("f.npy")
assert shape == (4, 64) and all(math.isfinite(v) for v in f) and len(set(f)) > 20
assert npy("y.npy")[1].tolist() == [0, 0, 1, 1]
shape, logits = npy("l.npy")
assert shape == (4, 5)
# 127.5 in place of 128, and the same scale but for 2 in 255
shape, m = npy("m.npy")
assert 0 < max(abs(a - b) for a, b in zip(f, m)) < 0.3
PY
check 0 'train +100.00 %' train f.npy --labels y.npy --kind knn --set k=1 -o heads

# a network of ours, and the same classes from both
"$engram" train semeion --hidden 16 --epochs 3 -o own --quiet >out 2>err || problem "train"
check 0 'format +onnx' export own own.onnx
check 0 'scores float \(any, 10\)' import own.onnx
check 2 'to a file, not to standard output' export own - --format onnx
check 2 'kind knn is no network of layers' export heads heads.onnx
[ ! -e heads.onnx ] || problem "heads.onnx was written"

# what is refused
check 2 '-o FILE.npy says' features net.onnx photos
check 2 'no value "cc"' features net.onnx photos -o x.npy --layer cc
check 2 'expected one number or three' features net.onnx photos -o x.npy --mean 1,2
check 2 'above 0' features net.onnx photos -o x.npy --std 0
printf 'a,b\n1,2\n' >rows.csv
check 2 'expected pictures' features net.onnx rows.csv -o x.npy
check 2 'expected one, \(N, 3, H, W\)' features gemm.onnx photos -o x.npy
check 1 'photos/cat/31-3.png: feature [0-9]+ is -?(nan|inf)' \
    features net.onnx photos/cat/31-3.png -o x.npy --std 1e-40
check 1 'photos/cat/31-3.png: feature [0-9]+ is -?(nan|inf)' \
    features net.onnx photos -o x.npy --std 1e-40
check 1 'photos/dog/8-1.png: feature [0-9]+ is' teach new.egm photos/dog/8-1.png --label dog \
    --network net.onnx --std 1e-40
: >empty.onnx
check 3 'empty.onnx: an empty file' import empty.onnx
printf '\010\007' >bare.onnx
check 3 'bare.onnx: names no version' import bare.onnx
check 4 'nothing.onnx' import nothing.onnx
head -c 300 net.onnx >short.onnx
check 3 'short.onnx: byte' import short.onnx
cp "$engram" program.onnx && check 3 'program.onnx: byte' import program.onnx
[ ! -e x.npy ] || problem "x.npy was written"

"$engram" help --man | grep -q "engram features" || problem "man page: no features"
"$engram" help --completion | grep -q -- '--labels-to' || problem "completion: no features"
finish
