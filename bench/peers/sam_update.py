#!/usr/bin/env python3
"""SAM's own part in PyTorch: norm, perturbation, restoring, update; without the two gradients.

The forms (torch_sam.py) take turns on the same arrays, on the parameter shapes of real models and on one
flat array. Buffers rotate, so that nothing is found in the cache because the last call left it there.
Each form is checked against the formulas in float64 before it is timed.
"""

import argparse
import functools
import math
import statistics

import torch

from support import interleaved, ratio, table, versions, write_json
from torch_device import cache_bytes, clock_of, describe, find_device
from torch_models import make_model
from torch_sam import TINY, Compiled, Foreach, PerTensor, captured, make_optimizer

RHO, RATE, MOMENTUM, DECAY = 0.05, 1e-4, 0.9, 5e-4
FLOOR = {"sgd": 36, "adamw": 44}  # bytes a weight: norm 4, perturb 12, update 20 or 28


def vit_b_shapes() -> list[tuple]:
    """ViT-B/16 at 224 x 224 with 1000 classes: 86.6 M weights. Dosovitskiy et al., arXiv 2010.11929."""
    d, hidden = 768, 3072
    block = [(d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,), (d,), (d,), (hidden, d), (hidden,), (d, hidden), (d,)]
    return [(1, 1, d), (1, 197, d), (d, 3, 16, 16), (d,), *(block * 12), (d,), (d,), (1000, d), (1000,)]


def shapes_of(name: str) -> list[tuple]:
    """Of a model, or flat:N with N million weights in one array."""
    if name.startswith("flat:"):
        return [(round(float(name.removeprefix("flat:")) * 1e6),)]
    if name == "vit_b":
        return vit_b_shapes()
    with torch.device("meta"):
        return [tuple(p.shape) for p in make_model(name).parameters()]


class Arrays:
    """Weights, two gradients and the optimizer's memory, which all forms work on."""

    def __init__(self, shapes, kind: str, device):
        fresh = lambda: [torch.randn(shape, device=device) for shape in shapes]
        self.weights, self.first, self.second = fresh(), fresh(), fresh()
        moments = {"sgd": ["momentum_buffer"], "adamw": ["exp_avg", "exp_avg_sq"]}[kind]
        self.memory = {name: [torch.rand_like(w) for w in self.weights] for name in moments}


class Form:
    """One way to do SAM's part on `arrays`, as a callable."""

    def __init__(self, make, kind: str, arrays: Arrays, capture: bool, **options):
        self.arrays, self.kind = arrays, kind
        self.parameters = [torch.nn.Parameter(w) for w in arrays.weights]
        for parameter, gradient in zip(self.parameters, arrays.second):
            parameter.grad = gradient
        on_card = arrays.weights[0].is_cuda
        if kind == "adamw" and on_card and options.get("foreach") is not False:
            options["capturable"] = True
        self.optimizer = make_optimizer(kind, self.parameters, RATE, MOMENTUM, DECAY, **options)
        for i, parameter in enumerate(self.parameters):
            state = {name: tensors[i] for name, tensors in arrays.memory.items()}
            if kind == "adamw":
                state["step"] = torch.zeros((), device="cuda" if options.get("capturable") else "cpu")
            self.optimizer.state[parameter] = state
        self.sam = make(self.parameters, self.optimizer, RHO)
        self.run = captured(self.step) if capture else self.step

    def step(self) -> None:
        self.sam.ascend(self.arrays.first)
        self.sam.descend()

    def __call__(self) -> None:
        self.run()


def forms(device) -> dict:
    """Name -> (class, whether captured, options of the optimizer)."""
    found = {"per tensor": (PerTensor, False, {"foreach": False}),
             "foreach": (Foreach, False, {"foreach": True}),
             "foreach, fused update": (Foreach, False, {"fused": True}),
             "compiled": (Compiled, False, {"foreach": True})}
    if device.type == "cuda":
        found["graph, foreach, fused update"] = (Foreach, True, {"fused": True})
        found["graph, compiled"] = (Compiled, True, {"foreach": True})
    return found


def samples(tensors, places) -> torch.Tensor:
    return torch.cat([t.detach().flatten()[i].double() for t, i in zip(tensors, places)])


def updated(kind: str, w, m: dict, g, step: float):
    """Weights after the update, and their momenta: the formulas of the optimizers, in float64."""
    if kind == "sgd":
        momentum = MOMENTUM * m["momentum_buffer"] + g + DECAY * w
        return w - RATE * momentum, {"momentum_buffer": momentum}
    first, second = 0.9 * m["exp_avg"] + 0.1 * g, 0.999 * m["exp_avg_sq"] + 0.001 * g * g
    root = torch.sqrt(second / (1 - 0.999**step)) + 1e-8
    moved = w * (1 - RATE * DECAY) - RATE * first / (1 - 0.9**step) / root
    return moved, {"exp_avg": first, "exp_avg_sq": second}


def check(name: str, form: Form) -> None:
    """One step of the form against the formulas, at some elements of every tensor."""
    arrays, device = form.arrays, form.arrays.weights[0].device
    places = [torch.randint(t.numel(), (100,), device=device) for t in arrays.first]
    home = form.sam.parameters
    w, g1, g2 = (samples(t, places) for t in (home, arrays.first, arrays.second))
    m = {key: samples(tensors, places) for key, tensors in arrays.memory.items()}
    if form.run == form.step:
        form.sam.ascend(arrays.first)
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in arrays.first))
        close(name, "w + epsilon", samples(home, places), w + RHO / (norm + TINY) * g1)
        form.sam.descend()
    else:
        form()
    step = float(form.optimizer.state[home[0]].get("step", 0))
    wanted, moments = updated(form.kind, w, m, g2, step)
    close(name, "w", samples(home, places), wanted)
    for key, value in moments.items():
        close(name, key, samples(arrays.memory[key], places), value)


def close(name: str, what: str, found, wanted) -> None:
    error = float((found - wanted).abs().max() / wanted.abs().max())
    if not error < 1e-6:
        raise SystemExit(f"sam_update: {name}: {what} is off by {error:.1e}: not timed")


def rotating(copies: list):
    """Calls the copies in turn."""
    state = {"next": 0}

    def call() -> None:
        copies[state["next"]]()
        state["next"] = (state["next"] + 1) % len(copies)

    return call


def measure(set_name: str, kind: str, device, rounds: int) -> list[dict]:
    torch._dynamo.reset()
    shapes = shapes_of(set_name)
    count = sum(math.prod(shape) for shape in shapes)
    copies = 1 + 4 * cache_bytes(device) // (20 * count)
    sets = [Arrays(shapes, kind, device) for _ in range(min(copies, 16))]
    calls, failed = {}, {}
    for name, (make, capture, options) in forms(device).items():
        try:
            made = [Form(make, kind, arrays, capture, **options) for arrays in sets]
            for form in made:
                check(name, form)
            calls[name] = rotating(made)
        except torch.OutOfMemoryError:
            failed[name] = "out of memory"
    calls["copy"] = rotating([functools.partial(torch._foreach_copy_, a.second, a.first) for a in sets])
    times = interleaved(calls, rounds, clock_of(device))
    rate = 8 * count / statistics.median(times["copy"])
    best = min((name for name in times if name != "copy"), key=lambda name: statistics.median(times[name]))
    return [row(name, set_name, kind, len(shapes), count, times, best, rate) for name in times if name != "copy"] + [
        {"set": set_name, "optimizer": kind, "form": name, "failed": why} for name, why in failed.items()]


def row(name, set_name, kind, tensors, count, times, best, rate) -> dict:
    seconds = statistics.median(times[name])
    return {"set": set_name, "weights": count, "tensors": tensors, "optimizer": kind, "form": name,
            "seconds": seconds, "times best": ratio(times, name, best), "copy GB/s": rate / 1e9,
            "share of copy %": 100 * FLOOR[kind] * count / seconds / rate}


def shown(r: dict) -> list:
    if "failed" in r:
        return [r["set"], "", r["optimizer"], r["form"], r["failed"], "", ""]
    return [r["set"], f"{r['weights'] / 1e6:.1f} M in {r['tensors']}", r["optimizer"], r["form"],
            f"{1e6 * r['seconds']:.0f}", f"{r['times best']:.2f}", f"{r['share of copy %']:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", help="resnet18, wide_resnet28_10, vit_b, ... or flat:N (million weights)")
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adamw"], choices=FLOOR)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--device", help="cuda or cpu; default: a card when there is one")
    parser.add_argument("--quick", action="store_true", help="small: to try it on a CPU")
    parser.add_argument("--json", help="also write the rows here")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    full = ["resnet18", "wide_resnet28_10", "vit_b", "flat:11.2", "flat:36.5", "flat:86", "flat:1000"]
    sets = options.sets or (["resnet20", "flat:0.1"] if options.quick else full)
    rounds = options.rounds or (5 if options.quick else 31)
    device = find_device(options.device)
    torch._dynamo.config.recompile_limit = 64  # rotating copies: each may be a variant of its own
    print(f"SAM's own part. {describe(device)}; {versions()}\n")
    rows = [r for name in sets for kind in options.optimizers for r in measure(name, kind, device, rounds)]
    print(table(["set", "weights, tensors", "optimizer", "form", "us", "times best", "share of copy %"],
                [shown(r) for r in rows]))
    print("\nShare of copy: what the speed would be if 36 bytes a weight moved (AdamW: 44), as a share of a copy's.")
    write_json(options.json, "sam_update", describe(device), {"rounds": rounds}, rows)


if __name__ == "__main__":
    main()
