#!/usr/bin/env python3
"""polder and its peers, the same training step in turns: milliseconds, and the ratio to polder.

Each competitor is a program of its own that makes steps when asked (polder_steps serve; sam_step.py and
sam_step_jax.py --serve); one works while the others wait. With polder on the CPU all stay there, on the same
processors; on one thread the times are then of the processor, which other programs stretch less, else
of the clock on the wall.
"""

import argparse
import os
import statistics
import subprocess
import sys

from support import processor, ratio, table, versions, write_json

IMAGES = {"lenet": (28, 1)}  # side, channels; else 32, 3


def commands(options, model: str, rule: str) -> dict[str, list[str]]:
    size, channels = IMAGES.get(model, (32, 3))
    image = ["--batch", str(options.batch), "--channels", str(channels)]
    own = [options.polder, "serve", "--model", model, "--rule", "none" if rule == "sgd" else rule,
           "--height", str(size), "--width", str(size), "--device", options.polder_device, "--rate", "0.001",
           "--dtype", options.precision, *image]
    peer = [sys.executable, os.path.join(os.path.dirname(__file__), "sam_step.py"), "--serve", "--models", model,
            "--rules", rule, "--size", str(size), "--precisions", options.precision, *image]
    return {"polder": own, "torch eager": [*peer, "--forms", "eager"],
            "torch compiled": [*peer, "--forms", "compiled"],
            "torch compiled, graph": [*peer, "--forms", "compiled, graph"],
            "jax": [part.replace("sam_step.py", "sam_step_jax.py") for part in peer]}


class Worker:
    """A competitor's program, waiting to be asked for steps."""

    def __init__(self, command: list[str], options):
        environment, pinned = dict(os.environ), []
        if options.polder_device == "cpu":
            environment |= {"OMP_NUM_THREADS": str(options.threads), "OMP_WAIT_POLICY": "passive",
                            "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
            pinned = ["taskset", "-c", f"0-{options.threads - 1}"]
        self.counts_processor = options.polder_device == "cpu" and options.threads == 1
        self.process = subprocess.Popen([*pinned, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        answer = self.process.stdout.readline().strip()
        if answer != "ready":
            raise SystemExit(f"side_by_side: {command[0]} said \"{answer}\" instead of \"ready\"")

    def seconds(self, steps: int) -> float:
        """Per step."""
        print(steps, file=self.process.stdin, flush=True)
        clock, busy = map(float, self.process.stdout.readline().split())
        return (busy if self.counts_processor else clock) / steps

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(options, model: str, rule: str) -> list[dict]:
    chosen = commands(options, model, rule)
    workers = {name: Worker(chosen[name], options) for name in options.competitors}
    times = {name: [] for name in workers}
    for worker in workers.values():
        worker.seconds(options.steps)
    for _ in range(options.rounds):
        for name, worker in workers.items():
            times[name].append(worker.seconds(options.steps))
    for worker in workers.values():
        worker.end()
    return [{"model": model, "batch": options.batch, "rule": rule, "precision": options.precision,
             "threads": options.threads, "competitor": name,
             "seconds": statistics.median(times[name]), "times polder": ratio(times, name, "polder"),
             "all seconds": times[name]} for name in workers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polder", default="build/cpu/bench/polder_steps")
    parser.add_argument("--polder-device", default="cpu", help="cpu, cuda:0; the peers take a card when there is one")
    parser.add_argument("--models", nargs="+", default=["lenet", "resnet20"])
    parser.add_argument("--rules", nargs="+", default=["sgd", "sam"], choices=("sgd", "sam"))
    parser.add_argument("--competitors", nargs="+", default=["polder", "torch eager", "torch compiled", "jax"])
    parser.add_argument("--precision", default="float32", choices=("float32", "tf32", "bfloat16"),
                        help="of all; bfloat16: weights in float32, PyTorch by autocast")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5, help="in a turn")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU that each may use")
    parser.add_argument("--json", help="also write the rows here")
    options = parser.parse_args()
    if "polder" not in options.competitors:
        parser.error("--competitors lacks polder, which the ratios are to")
    print(f"{processor()}, {options.threads} threads, load {os.getloadavg()[0]:.0f}; {versions()}\n")
    rows = [r for model in options.models for rule in options.rules for r in measure(options, model, rule)]
    print(table(["model", "precision", "rule", "competitor", "ms per step", "times polder"],
                [[f"{r['model']}, batch {r['batch']}", r["precision"], r["rule"], r["competitor"],
                  f"{1e3 * r['seconds']:.1f}", f"{r['times polder']:.2f}"] for r in rows]))
    write_json(options.json, "side_by_side", processor(), vars(options), rows)


if __name__ == "__main__":
    main()
