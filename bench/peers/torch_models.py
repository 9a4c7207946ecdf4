"""polder's models as PyTorch modules, layer for layer and name for name (nn/models/*.cpp).

Images are NCHW here and weights OIHW, as PyTorch wants them; from_polder and to_polder turn them.
"""

from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class BatchNorm(nn.Module):
    """Batch statistics, and running ones that move while `tracks`: polder freezes them when a pass
    looks at shifted weights."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))
        self.tracks = True

    def forward(self, x):
        mean, variance = (self.running_mean, self.running_variance) if self.tracks else (None, None)
        return F.batch_norm(x, mean, variance, self.gamma, self.beta, training=True, momentum=0.1, eps=1e-5)


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def track_statistics(layers: list[BatchNorm], tracks: bool) -> None:
    for layer in layers:
        layer.tracks = tracks


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class Flatten(nn.Module):
    """[n, C, H, W] to [n, H W C]: polder flattens NHWC images."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class GlobalAveragePool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for the channels that x does not have."""

    def __init__(self, new_channels: int, stride: int):
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


class BasicBlock(nn.Module):
    """f(shortcut(x) + bn2(conv2(f(bn1(conv1(x))))))"""

    def __init__(self, inputs: int, outputs: int, stride: int, projects: bool, f):
        super().__init__()
        self.f = f()
        self.conv1, self.bn1 = convolution(inputs, outputs, 3, stride), BatchNorm(outputs)
        self.conv2, self.bn2 = convolution(outputs, outputs, 3), BatchNorm(outputs)
        self.shortcut = nn.Identity()
        if inputs != outputs or stride != 1:
            self.shortcut = PaddedShortcut(outputs - inputs, stride)
            if projects:
                self.shortcut = nn.Sequential(OrderedDict(
                    conv=convolution(inputs, outputs, 1, stride), bn=BatchNorm(outputs)))

    def forward(self, x):
        y = self.f(self.bn1(self.conv1(x)))
        return self.f(self.bn2(self.conv2(y)) + self.shortcut(x))


class WideBlock(nn.Module):
    """shortcut + conv2(relu(bn2(conv1(o)))), o = relu(bn1(x))"""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1, self.conv1 = BatchNorm(inputs), convolution(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = BatchNorm(outputs), convolution(outputs, outputs, 3)
        self.shortcut = None
        if inputs != outputs or stride != 1:
            self.shortcut = convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        o = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(o))))
        return y + (x if self.shortcut is None else self.shortcut(o))


def stages(width: int, widths: list[int], blocks: list[int], block) -> OrderedDict:
    net = OrderedDict()
    for s, (outputs, count) in enumerate(zip(widths, blocks)):
        stage = OrderedDict()
        for b in range(count):
            stage[f"block{b + 1}"] = block(width, outputs, 2 if s > 0 and b == 0 else 1)
            width = outputs
        net[f"stage{s + 1}"] = nn.Sequential(stage)
    return net


def resnet(channels: int, classes: int, widths: list[int], blocks: list[int], projects: bool, f) -> nn.Module:
    return nn.Sequential(OrderedDict(
        conv1=convolution(channels, widths[0], 3), bn1=BatchNorm(widths[0]), act1=f(),
        **stages(widths[0], widths, blocks, lambda i, o, stride: BasicBlock(i, o, stride, projects, f)),
        pool=GlobalAveragePool(), fc=nn.Linear(widths[-1], classes)))


def wide_resnet(channels: int, classes: int, depth: int, widen: int) -> nn.Module:
    widths = [16 * widen, 32 * widen, 64 * widen]
    return nn.Sequential(OrderedDict(
        conv1=convolution(channels, 16, 3), **stages(16, widths, [(depth - 4) // 6] * 3, WideBlock),
        bn1=BatchNorm(widths[-1]), act1=nn.ReLU(), pool=GlobalAveragePool(),
        fc=nn.Linear(widths[-1], classes)))


def lenet(channels: int, classes: int, size: int, f) -> nn.Module:
    padding = 2 if size < 32 else 0
    side = ((size + 2 * padding - 4) // 2 - 4) // 2
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(channels, 6, 5, padding=padding), act1=f(), pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(6, 16, 5), act2=f(), pool2=nn.MaxPool2d(2), flatten=Flatten(),
        fc1=nn.Linear(side * side * 16, 120), act3=f(), fc2=nn.Linear(120, 84), act4=f(),
        fc3=nn.Linear(84, classes)))


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def make_model(name: str, channels: int = 3, classes: int = 10, size: int = 32, activation: str = "relu"):
    """polder's model of that name, for images of `size` x `size`."""
    f = ACTIVATIONS[activation]
    if name == "lenet":
        return lenet(channels, classes, size, f)
    if name == "resnet18":
        return resnet(channels, classes, [64, 128, 256, 512], [2, 2, 2, 2], True, f)
    if name.startswith("resnet"):
        blocks = (int(name.removeprefix("resnet")) - 2) // 6
        return resnet(channels, classes, [16, 32, 64], [blocks] * 3, False, f)
    if name.startswith("wide_resnet") and activation == "relu":
        depth, widen = name.removeprefix("wide_resnet").split("_")
        return wide_resnet(channels, classes, int(depth), int(widen))
    raise SystemExit(f"no model \"{name}\" with {activation} here: lenet, resnet18, resnet20, resnet32, resnet56, "
                     "wide_resnet16_8, wide_resnet28_10")


def from_polder(array: np.ndarray) -> torch.Tensor:
    """Images and weights with four axes: channels from the last place to the second."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor


def to_polder(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor).detach().cpu().numpy()
