#!/usr/bin/env python3
"""A whole training step in PyTorch, SAM and plain SGD: images per second and their ratio.

Channels-last; float32 with TF32 off and on, bfloat16 by autocast; eager, through torch.compile, and
each captured as a CUDA graph. All forms of one model and precision take turns. With --serve it makes
steps of the first of each list when asked (side_by_side.py).
"""

import argparse
import contextlib
import statistics

import torch

from support import interleaved, ratio, serve, table, versions, write_json
from torch_device import clock_of, describe, find_device
from torch_models import batch_norms, make_model, track_statistics
from torch_sam import Compiled, Foreach, captured, make_optimizer

FORMS = {"eager": (False, False), "compiled": (True, False), "graph": (False, True),
         "compiled, graph": (True, True)}  # whether compiled, whether captured
PRECISIONS = ("float32", "tf32", "bfloat16")
RULES = ("sgd", "sam")


class Training:
    """A model in training on one batch that never changes; called, it makes a step."""

    def __init__(self, name: str, batch: int, size: int, channels: int, device, rule: str, precision: str, form: str,
                 mode: str):
        compiled, capture = FORMS[form]
        self.precision, self.device, self.rule = precision, device, rule
        images = torch.randn(batch, channels, size, size, device=device)
        self.images = images.to(memory_format=torch.channels_last)
        self.labels = torch.arange(batch, device=device) % 10
        model = make_model(name, channels, size=size).to(device, memory_format=torch.channels_last)
        self.parameters, self.norms = list(model.parameters()), batch_norms(model)
        self.model = torch.compile(model, mode=mode) if compiled else model
        update = {"foreach": True} if compiled else {"fused": True}
        self.optimizer = make_optimizer("sgd", self.parameters, 1e-3, 0.9, 5e-4, **update)
        self.sam = (Compiled(self.parameters, self.optimizer, 0.05, mode) if compiled
                    else Foreach(self.parameters, self.optimizer, 0.05))
        self.run = captured(self.step) if capture else self.step

    def gradients(self, tracks: bool) -> list:
        for parameter in self.parameters:
            parameter.grad = None
        track_statistics(self.norms, tracks)
        half = torch.autocast(self.device.type, torch.bfloat16)
        with half if self.precision == "bfloat16" else contextlib.nullcontext():
            loss = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        return [parameter.grad for parameter in self.parameters]

    def step(self) -> None:
        g = self.gradients(tracks=True)
        if self.rule == "sam":
            self.sam.ascend(g)
            self.gradients(tracks=False)
        self.sam.descend()

    def __call__(self) -> None:
        self.run()


def set_precision(precision: str) -> None:
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "float32"


def wanted_forms(options, device) -> list[str]:
    return [form for form in options.forms if device.type == "cuda" or not FORMS[form][1]]


def make(options, name: str, precision: str, form: str, rule: str, device) -> Training:
    set_precision(precision)
    return Training(name, options.batch, options.size, options.channels, device, rule, precision, form, options.mode)


def measure(options, name: str, precision: str, device) -> list[dict]:
    torch._dynamo.reset()
    trainings, failed = {}, []
    for form in wanted_forms(options, device):
        for rule in options.rules:
            try:
                trainings[f"{form}/{rule}"] = make(options, name, precision, form, rule, device)
            except torch.OutOfMemoryError:
                failed.append({"model": name, "precision": precision, "form": form, "failed": f"{rule}: out of memory"})
    times = interleaved(trainings, options.rounds, clock_of(device))
    rows = []
    for form in dict.fromkeys(key.split("/")[0] for key in times):
        row = {"model": name, "precision": precision, "form": form}
        for rule in options.rules:
            if f"{form}/{rule}" in times:
                row[f"{rule} images/s"] = options.batch / statistics.median(times[f"{form}/{rule}"])
        if all(f"{form}/{rule}" in times for rule in RULES):
            row["sam / sgd"] = ratio(times, f"{form}/sam", f"{form}/sgd")
        rows.append(row)
    return rows + failed


def shown(r: dict) -> list:
    number = lambda key, form: format(r[key], form) if key in r else r.get("failed", "")
    return [r["model"], r["precision"], r["form"], number("sgd images/s", ".0f"), number("sam images/s", ".0f"),
            number("sam / sgd", ".3f")]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, help="height and width of the images")
    parser.add_argument("--channels", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--mode", default="default", help="of torch.compile, as max-autotune-no-cudagraphs")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--device", help="cuda or cpu; default: a card when there is one")
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
    if options.threads:
        torch.set_num_threads(options.threads)
    device = find_device(options.device)
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    if options.serve:
        first = [options.models[0], options.precisions[0], options.forms[0], options.rules[0]]
        return serve(make(options, *first, device), wait)
    print(f"Whole steps, batch {options.batch}. {describe(device)}; {versions()}\n")
    precisions = [p for p in options.precisions if device.type == "cuda" or p != "tf32"]
    rows = [r for name in options.models for p in precisions for r in measure(options, name, p, device)]
    print(table(["model", "precision", "form", "SGD images/s", "SAM images/s", "SAM / SGD"], [shown(r) for r in rows]))
    if device.type != "cuda":
        print("\nTF32 and CUDA graphs need a card: left out.")
    write_json(options.json, "sam_step", describe(device), vars(options), rows)


if __name__ == "__main__":
    main()
