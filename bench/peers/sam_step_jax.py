#!/usr/bin/env python3
"""A whole training step in JAX, SAM and plain SGD: images per second and their ratio.

Each step is one jitted function whose old state is given up (donated). SAM by hand, and as
optax.contrib.sam. Float32 with TF32 off and on, and with images and weights of the layers in bfloat16.
With --serve it makes steps of the first of each list when asked (side_by_side.py).
"""

import argparse
import os
import statistics

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp

from jax_models import initial_state
from jax_sam import optax_sam, optax_sam_step, plain_step, sam_step, sgd
from support import interleaved, processor, ratio, seconds_of, serve, table, versions, write_json

PRECISIONS = {"float32": ("highest", None), "tf32": ("tensorfloat32", None), "bfloat16": ("highest", jnp.bfloat16)}
RULES = ("sgd", "sam", "optax sam")
RHO = 0.05


class Training:
    """A model in training on one batch that never changes; called, it makes a step."""

    def __init__(self, name: str, batch: int, size: int, channels: int, rule: str, precision: str):
        matmul, compute_type = PRECISIONS[precision]
        self.images = jax.random.normal(jax.random.key(1), (batch, size, size, channels))
        self.labels = jnp.arange(batch) % 10
        optimizer = sgd(1e-3, 0.9, 5e-4)
        step = plain_step(name, optimizer, compute_type)
        if rule == "sam":
            step = sam_step(name, optimizer, RHO, compute_type)
        elif rule == "optax sam":
            optimizer = optax_sam(optimizer, RHO)
            step = optax_sam_step(name, optimizer, compute_type)
        weights, statistics_ = initial_state(name, channels, size)
        self.state = (weights, statistics_, optimizer.init(weights))
        with jax.default_matmul_precision(matmul):
            self.compiled = jax.jit(step, donate_argnums=0).lower(self.state, self.images, self.labels).compile()

    def __call__(self) -> None:
        self.state, self.found = self.compiled(self.state, self.images, self.labels)

    def wait(self) -> None:
        jax.block_until_ready(self.state)


def describe() -> str:
    device = jax.devices()[0]
    return processor() + "; no CUDA card seen" if device.platform == "cpu" else device.device_kind


def measure(options, name: str, precision: str) -> list[dict]:
    trainings = {rule: Training(name, options.batch, options.size, options.channels, rule, precision)
                 for rule in options.rules}
    seconds = lambda form, repeats: seconds_of(form, repeats, wait=form.wait)
    times = interleaved(trainings, options.rounds, seconds)
    rows = []
    for rule in times:
        row = {"model": name, "precision": precision, "rule": rule,
               "images/s": options.batch / statistics.median(times[rule])}
        if "sgd" in times:
            row["times sgd"] = ratio(times, rule, "sgd")
        rows.append(row)
    return rows


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, help="height and width of the images")
    parser.add_argument("--channels", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="small: to try it on a CPU")
    parser.add_argument("--serve", action="store_true", help="make steps when asked on standard input")
    parser.add_argument("--json", help="also write the rows here")
    options = parser.parse_args()
    options.models = options.models or (["lenet"] if options.quick else ["resnet18", "wide_resnet28_10"])
    options.size = options.size or (28 if options.quick else 32)
    options.channels = options.channels or (1 if options.quick else 3)
    options.batch = options.batch or (8 if options.quick else 128)
    options.rounds = options.rounds or (3 if options.quick else 15)
    return options


def main() -> None:
    options = parse()
    if options.serve:
        training = Training(options.models[0], options.batch, options.size, options.channels, options.rules[0],
                            options.precisions[0])
        return serve(training, training.wait)
    on_cpu = jax.devices()[0].platform == "cpu"
    print(f"Whole steps, batch {options.batch}. {describe()}; {versions()}\n")
    precisions = [p for p in options.precisions if not on_cpu or p != "tf32"]
    rows = [r for name in options.models for p in precisions for r in measure(options, name, p)]
    print(table(["model", "precision", "rule", "images/s", "times SGD"],
                [[r["model"], r["precision"], r["rule"], f"{r['images/s']:.0f}", f"{r.get('times sgd', 1):.3f}"]
                 for r in rows]))
    if on_cpu:
        print("\nTF32 needs a card: left out.")
    write_json(options.json, "sam_step_jax", describe(), vars(options), rows)


if __name__ == "__main__":
    main()
