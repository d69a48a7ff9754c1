#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of published shapes with random weights, for `engram bench onnx`.

squeezenet.onnx: SqueezeNet 1.1 (Iandola et al. 2016), resnet18.onnx: ResNet-18 (He et al. 2015),
its norms folded into the convolutions as they are at inference. 224 x 224, opset 13.

Package: python3-onnx.   Usage: onnx_shapes.py FOLDER
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    def __init__(self):
        self.nodes, self.weights, self.rng = [], [], np.random.default_rng(1)

    def name(self):
        return f"v{len(self.nodes)}"

    def add(self, op, inputs, **attributes):
        out = self.name()
        self.nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    def weight(self, *shape):
        fan = int(np.prod(shape[1:]))
        array = self.rng.standard_normal(shape) * np.sqrt(2 / max(fan, 1))
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def conv(self, x, c, o, kernel, stride=1, pad=0, relu=True):
        y = self.add("Conv", [x, self.weight(o, c, kernel, kernel), self.weight(o)],
                     kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        return self.add("Relu", [y]) if relu else y

    def pool(self, x, kernel, stride, pad=0):
        return self.add("MaxPool", [x], kernel_shape=[kernel] * 2, strides=[stride] * 2,
                        pads=[pad] * 4)

    def save(self, path, out):
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                 for name, shape in (("input", [1, 3, 224, 224]), (out, [1, 1000]))]
        graph = helper.make_graph(self.nodes, path.stem, ports[:1], ports[1:], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 7
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))


def squeezenet(path):
    net = Net()
    x = net.pool(net.conv("input", 3, 64, 3, 2), 3, 2)
    channels = 64
    for squeeze, expand, pool in ((16, 64, 0), (16, 64, 1), (32, 128, 0), (32, 128, 1),
                                  (48, 192, 0), (48, 192, 0), (64, 256, 0), (64, 256, 0)):
        s = net.conv(x, channels, squeeze, 1)
        x = net.add("Concat", [net.conv(s, squeeze, expand, 1),
                               net.conv(s, squeeze, expand, 3, pad=1)], axis=1)
        channels = 2 * expand
        if pool:
            x = net.pool(x, 3, 2)
    x = net.add("GlobalAveragePool", [net.conv(x, channels, 1000, 1)])
    net.save(path, net.add("Flatten", [x]))


def resnet18(path):
    net = Net()
    x = net.pool(net.conv("input", 3, 64, 7, 2, 3), 3, 2, 1)
    channels = 64
    for o in (64, 128, 256, 512):
        for block in range(2):
            stride = 2 if block == 0 and o > 64 else 1
            y = net.conv(net.conv(x, channels, o, 3, stride, 1), o, o, 3, 1, 1, relu=False)
            if stride > 1:
                x = net.conv(x, channels, o, 1, stride, relu=False)
            x = net.add("Relu", [net.add("Add", [x, y])])
            channels = o
    x = net.add("Flatten", [net.add("GlobalAveragePool", [x])])
    net.save(path, net.add("Gemm", [x, net.weight(1000, 512), net.weight(1000)], transB=1))


def main(argv):
    if len(argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    squeezenet(folder / "squeezenet.onnx")
    resnet18(folder / "resnet18.onnx")


if __name__ == "__main__":
    main(sys.argv)
