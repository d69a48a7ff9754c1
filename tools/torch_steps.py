#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steps of ordinary networks in PyTorch, one thread: the peer of `engram bench train`.

Prints a line for each network of that benchmark: milliseconds a step (median of 9), seconds an
epoch of 60 000, and useful Gflop/s counted as there. Needs Debian's python3-torch.

    /usr/bin/python3 tools/torch_steps.py
"""
import statistics
import time

import torch
from torch import nn

MLP = 4.0 * 784 * 2000 + 6.0 * 2000 * 10
LENET_FIRST = 2.0 * 28 * 28 * 6 * 25
LENET = LENET_FIRST + 2.0 * (100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10)
LSTM_INPUTS = 28 * 2.0 * 4 * 128 * 28
LSTM = LSTM_INPUTS + 28 * 2.0 * 4 * 128 * 128


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.lstm(x.view(-1, 28, 28))[0][:, -1])


def perceptron():
    return nn.Sequential(nn.Linear(784, 2000), nn.ReLU(), nn.Linear(2000, 10))


def lenet():
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120),
        nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def measure(name, model, batch, useful):
    x, y = torch.rand(batch, 784) ** 4, torch.arange(batch) % 10
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    took = []
    for i in range(-2, 9):  # two to warm up
        start = time.perf_counter()
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
        if i >= 0:
            took.append(time.perf_counter() - start)
    step = statistics.median(took)
    print(f"{name:46s} {step * 1e3:8.2f} ms {step * 60000 / batch:8.2f} s"
          f" {useful * batch / step * 1e-9:8.2f} Gflop/s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    measure("perceptron 784-2000-10, batch 100", perceptron(), 100, MLP)
    measure("the same, batch 1000", perceptron(), 1000, MLP)
    measure("LeNet, batch 100", lenet(), 100, 3 * LENET - LENET_FIRST)
    measure("LSTM of 28 steps of 28, H = 128, batch 100", Recurrent(), 100, 3 * LSTM - LSTM_INPUTS)
