"""polder's models as JAX functions of dictionaries of weights, with polder's names, NHWC and OHWI as
in polder (nn/models/*.cpp)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Pass:
    """One pass through a model: looks weights up by name, draws those that are missing (which is how
    a model starts), and collects the running statistics that the pass moves."""

    def __init__(self, weights: dict, statistics: dict, activation=jax.nn.relu):
        self.weights, self.statistics, self.moved, self.f = weights, statistics, {}, activation
        self.random = np.random.default_rng(1)

    def weight(self, name: str, shape: tuple, deviation: float, mean: float = 0.0):
        if name not in self.weights:
            self.weights[name] = jnp.asarray(self.random.normal(mean, deviation, shape), jnp.float32)
        assert self.weights[name].shape == shape, (name, self.weights[name].shape, shape)
        return self.weights[name]

    def convolution(self, name: str, x, outputs: int, kernel: int = 3, stride: int = 1, padding: int = 1):
        shape = (outputs, kernel, kernel, x.shape[-1])
        weight = self.weight(f"{name}.weight", shape, (2 / (kernel * kernel * outputs)) ** 0.5)
        return lax.conv_general_dilated(x, weight.astype(x.dtype), (stride, stride), [(padding, padding)] * 2,
                                        dimension_numbers=("NHWC", "OHWI", "NHWC"))

    def bias(self, name: str, x):
        return x + self.weight(f"{name}.bias", x.shape[-1:], 0.0).astype(x.dtype)

    def linear(self, name: str, x, outputs: int):
        weight = self.weight(f"{name}.weight", (outputs, x.shape[-1]), x.shape[-1] ** -0.5)
        return self.bias(name, x @ weight.astype(x.dtype).T)

    def batch_norm(self, name: str, x):
        channels = x.shape[-1:]
        gamma = self.weight(f"{name}.gamma", channels, 0.0, mean=1.0)
        beta = self.weight(f"{name}.beta", channels, 0.0)
        wide = x.astype(gamma.dtype)  # statistics are float32 also when images are bfloat16
        mean = wide.mean((0, 1, 2))
        variance = jnp.maximum(jnp.square(wide).mean((0, 1, 2)) - jnp.square(mean), 0.0)  # one pass
        rows = x.size // x.shape[-1]
        self.track(f"{name}.running_mean", mean, 0.0)
        self.track(f"{name}.running_variance", variance * (rows / (rows - 1)), 1.0)
        return ((wide - mean) * (gamma * lax.rsqrt(variance + 1e-5)) + beta).astype(x.dtype)

    def track(self, name: str, value, start: float):
        old = self.statistics.get(name, start)
        self.moved[name] = lax.stop_gradient(0.9 * old + 0.1 * value)

    def max_pool(self, x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def basic_block(net: Pass, name: str, x, outputs: int, stride: int, projects: bool):
    y = net.f(net.batch_norm(f"{name}.bn1", net.convolution(f"{name}.conv1", x, outputs, stride=stride)))
    y = net.batch_norm(f"{name}.bn2", net.convolution(f"{name}.conv2", y, outputs))
    new = outputs - x.shape[-1]
    if projects and (new > 0 or stride > 1):
        x = net.convolution(f"{name}.shortcut.conv", x, outputs, kernel=1, stride=stride, padding=0)
        x = net.batch_norm(f"{name}.shortcut.bn", x)
    elif new > 0 or stride > 1:
        x = jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (0, new)))
    return net.f(y + x)


def wide_block(net: Pass, name: str, x, outputs: int, stride: int):
    o = jax.nn.relu(net.batch_norm(f"{name}.bn1", x))
    y = net.convolution(f"{name}.conv1", o, outputs, stride=stride)
    y = net.convolution(f"{name}.conv2", jax.nn.relu(net.batch_norm(f"{name}.bn2", y)), outputs)
    if outputs != x.shape[-1] or stride > 1:
        x = net.convolution(f"{name}.shortcut", o, outputs, kernel=1, stride=stride, padding=0)
    return y + x


def stages(net: Pass, x, widths: list[int], blocks: int, block):
    for s, outputs in enumerate(widths):
        for b in range(blocks):
            x = block(net, f"stage{s + 1}.block{b + 1}", x, outputs, 2 if s > 0 and b == 0 else 1)
    return x


def resnet(net: Pass, x, classes: int, widths: list[int], blocks: int, projects: bool):
    x = net.f(net.batch_norm("bn1", net.convolution("conv1", x, widths[0])))
    x = stages(net, x, widths, blocks, lambda *a: basic_block(*a, projects))
    return net.linear("fc", x.mean((1, 2)), classes)


def wide_resnet(net: Pass, x, classes: int, depth: int, widen: int):
    widths = [16 * widen, 32 * widen, 64 * widen]
    x = stages(net, net.convolution("conv1", x, 16), widths, (depth - 4) // 6, wide_block)
    return net.linear("fc", jax.nn.relu(net.batch_norm("bn1", x)).mean((1, 2)), classes)


def lenet(net: Pass, x, classes: int):
    padding = 2 if x.shape[1] < 32 else 0
    x = net.bias("conv1", net.convolution("conv1", x, 6, kernel=5, padding=padding))
    x = net.max_pool(net.f(x))
    x = net.bias("conv2", net.convolution("conv2", x, 16, kernel=5, padding=0))
    x = net.max_pool(net.f(x)).reshape(x.shape[0], -1)
    x = net.f(net.linear("fc1", x, 120))
    return net.linear("fc3", net.f(net.linear("fc2", x, 84)), classes)


ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def forward(name: str, weights: dict, statistics: dict, x, classes: int = 10, activation: str = "relu"):
    """Logits, and the running statistics after this pass."""
    net = Pass(weights, statistics, ACTIVATIONS[activation])
    if name == "lenet":
        logits = lenet(net, x, classes)
    elif name == "resnet18":
        logits = resnet(net, x, classes, [64, 128, 256, 512], 2, projects=True)
    elif name.startswith("resnet"):
        blocks = (int(name.removeprefix("resnet")) - 2) // 6
        logits = resnet(net, x, classes, [16, 32, 64], blocks, projects=False)
    elif name.startswith("wide_resnet"):
        depth, widen = name.removeprefix("wide_resnet").split("_")
        logits = wide_resnet(net, x, classes, int(depth), int(widen))
    else:
        raise SystemExit(f"no model \"{name}\" here")
    return logits, net.moved


def initial_state(name: str, channels: int, size: int, classes: int = 10):
    """Weights and running statistics of a new model."""
    weights: dict = {}
    _, statistics = forward(name, weights, {}, jnp.zeros((2, size, size, channels)), classes)
    start = {key: jnp.full_like(value, key.endswith("variance")) for key, value in statistics.items()}
    return weights, start
