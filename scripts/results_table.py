#!/usr/bin/env python3
"""Prints the comparisons of scripts/results.sh as Markdown: results_table.py FOLDER."""

import json
import pathlib
import sys

NAMES = {"none": "SGD"}


def name_of(rule: str) -> str:
    name, _, settings = rule.partition(":")
    kept = [part for part in settings.split(",") if part.startswith("rho=")]
    if "upper_objective=validation_loss" in settings:
        kept.append("on the validation loss")
    return f"{NAMES.get(name, name)} {' '.join(kept)}".strip()


def row(rule: dict) -> str:
    accuracy, cost = rule["test_accuracy"], rule["gradient_evaluations"]
    radii = [run["radius"] for run in rule["runs"] if run.get("radius") is not None]
    ends = f"{min(radii):.3g} – {max(radii):.3g}" if radii else "–"
    products = sum(run["hessian_products"] for run in rule["runs"]) / len(rule["runs"])
    difference = rule.get("difference")
    paired = "–"
    if difference:
        paired = "{:+.2f} [{:+.2f}, {:+.2f}]".format(
            *(100 * difference[key] for key in ("mean", "low", "high")))
    return (f"| {name_of(rule['rule'])} | {accuracy['count']} | {100 * accuracy['mean']:.2f} ± "
            f"{100 * accuracy['deviation']:.2f} | {paired} | {ends} | {cost['mean']:.0f} | "
            f"{products:.0f} | {rule['train_seconds']['mean']:.0f} |")


def main() -> int:
    folders = sorted(pathlib.Path(sys.argv[1]).glob("noise-*/results.json"))
    for file in folders:
        noise = 100 * float(file.parent.name.removeprefix("noise-"))
        print(f"\n### {noise:.0f} % label noise\n")
        print("| rule | seeds | test accuracy % | difference to SGD, 95 % interval | final radius "
              "| gradients | Hessian products | seconds |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
        for rule in json.loads(file.read_text())["rules"]:
            if rule["test_accuracy"]["count"] > 0:
                print(row(rule))
    return 0 if folders else f"{sys.argv[1]}: no noise-*/results.json"


if __name__ == "__main__":
    sys.exit(main())
