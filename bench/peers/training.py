"""PyTorch's side of a training race (see racer.mjs): SGD with momentum 0.9 on the same random batch again and again, cross entropy.

    python3 training.py NETWORK THREADS BATCH contiguous|channels_last

The networks are those of src/Nabi.Models at the sizes that training.mjs names, layer by layer.
"""
import json
import sys
import time

import torch
from torch import nn


def conv_bn(inputs, outputs, kernel, stride=1, groups=1, activation=nn.ReLU):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation else []))


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(conv_bn(inputs, outputs, 3, stride), conv_bn(outputs, outputs, 3, activation=None))
        self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else conv_bn(inputs, outputs, 1, stride, activation=None)

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class Inverted(nn.Module):
    def __init__(self, inputs, expand, outputs, stride):
        super().__init__()
        wide = inputs * expand
        self.body = nn.Sequential(*([conv_bn(inputs, wide, 1, activation=nn.ReLU6)] if expand > 1 else []),
                                  conv_bn(wide, wide, 3, stride, groups=wide, activation=nn.ReLU6), conv_bn(wide, outputs, 1, activation=None))
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return self.body(x) + x if self.is_residual else self.body(x)


def resnet8():
    return (3, 32, 32), nn.Sequential(conv_bn(3, 16, 3), Basic(16, 16, 1), Basic(16, 32, 2), Basic(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def mobilenet_v2():
    def divisible(channels):
        rounded = max(8, int(channels + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * channels else rounded

    x = divisible(32 * 0.5)
    layers = [conv_bn(3, x, 3, activation=nn.ReLU6)]
    for expand, channels, repeat, stride in [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(repeat):
            outputs = divisible(channels * 0.5)
            layers.append(Inverted(x, expand, outputs, stride if i == 0 else 1))
            x = outputs
    return (3, 32, 32), nn.Sequential(*layers, conv_bn(x, 1280, 1, activation=nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 10))


def lenet5():
    return (1, 28, 28), nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten(),
                                      nn.Linear(800, 500), nn.ReLU(inplace=True), nn.Linear(500, 10))


def main(network, threads, batch, layout):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    shape, model = {"resnet8": resnet8, "mobilenet-v2": mobilenet_v2, "lenet5": lenet5}[network]()
    layout = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    model = model.train().to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    samples, labels = torch.randn(batch, *shape).contiguous(memory_format=layout), torch.arange(batch) % 10

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(samples), labels).backward()
        optimizer.step()

    for _ in range(3):
        step()
    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "version": torch.__version__}), flush=True)
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word != "run":
            raise ValueError(f"this racer knows run, not '{word}'")
        times, end = [], time.perf_counter() + int(argument) / 1000
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(f"{(time.perf_counter() - start) * 1e6:.1f}")
        print(" ".join(times), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
