#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Layers of hflayers, forward and all gradients, one thread: the peer of `engram bench layers`.

Prints a line for each figure of that benchmark: milliseconds, and milliseconds of the processor
(medians of 5; the second is what the first would be without neighbours on the machine). hflayers is
the public package of github.com/ml-jku/hopfield-layers; a copy of it is needed, and Debian's
python3-torch.

    git clone https://github.com/ml-jku/hopfield-layers
    /usr/bin/python3 tools/hflayers_steps.py hopfield-layers

With --engram PROGRAM, `PROGRAM bench layers` runs before and after, so that neighbours weigh on
both, and how many times as long as the mean of the two hflayers takes stands beside.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

import torch

RUNS = 5
LOOKUP = "lookup, B 32, T 256, D 64, 8 heads, N 1024"
POOLING = "pooling of one bag of 100 000 x 32"
ATTENTION = "attention, B 8, T 1024, D 256, 4 heads"


def lookup(layers, updates):
    return layers.HopfieldLayer(input_size=64, num_heads=8, quantity=1024,
                                update_steps_max=updates)


class SelfAttention(torch.nn.Module):
    """PyTorch's own attention, which the benchmark has beside the Hopfield layers."""

    def __init__(self):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(256, 4, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


# Name in the benchmark, shape of the input, how the layer is made.
FIGURES = [
    (LOOKUP, (32, 256, 64), lambda layers: lookup(layers, 0)),
    ("one update before the read-out", (32, 256, 64), lambda layers: lookup(layers, 1)),
    ("two, so three associations", (32, 256, 64), lambda layers: lookup(layers, 2)),
    ("three updates", (32, 256, 64), lambda layers: lookup(layers, 3)),
    (POOLING, (1, 100000, 32), lambda layers: layers.HopfieldPooling(input_size=32)),
    (ATTENTION, (8, 1024, 256), lambda layers: SelfAttention()),
]


def measure(make, shape, layers):
    torch.manual_seed(1)
    layer, x = make(layers), torch.randn(*shape, requires_grad=True)
    took = []
    for i in range(-1, RUNS):  # one to warm up
        for p in [x, *layer.parameters()]:
            p.grad = None
        start, busy = time.perf_counter(), time.process_time()
        y = layer(x)
        y.backward(y.detach())
        if i >= 0:
            took.append((time.perf_counter() - start, time.process_time() - busy))
    return [statistics.median(each) * 1e3 for each in zip(*took)]


def ours(program):
    """Milliseconds of each figure by `engram bench layers`."""
    lines = subprocess.run([program, "bench", "layers", "--json", "--threads", "1"],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [row for row in map(json.loads, lines) if "unit" in row]
    return {row["name"]: row["value"] for row in rows if row["unit"] == "ms"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="folder that holds hflayers")
    parser.add_argument("--engram", help="program to run in turn with it")
    parser.add_argument("--figure", help="only figures whose name has this in it", default="")
    options = parser.parse_args()
    sys.path.insert(0, options.source)
    import hflayers
    torch.set_num_threads(1)
    peer, mine = {}, [ours(options.engram)] if options.engram else []
    for name, shape, make in FIGURES:
        if options.figure not in name:
            continue
        peer[name], busy = measure(make, shape, hflayers)
        print(f"{name:46s} {peer[name]:9.1f} ms, processor {busy:9.1f} ms", flush=True)
    if not options.engram:
        return
    mine.append(ours(options.engram))
    print("beside engram:")
    for name, took in peer.items():
        own = statistics.mean(run[name] for run in mine)
        print(f"{name:46s} {own:9.1f} ms, the other {took / own:5.1f} times as long")


if __name__ == "__main__":
    main()
