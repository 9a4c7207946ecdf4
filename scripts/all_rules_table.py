#!/usr/bin/env python3
"""Prints the comparisons of scripts/all_rules.sh as Markdown and draws them:
all_rules_table.py FOLDER writes FOLDER/all_rules.svg."""

import json
import math
import pathlib
import statistics
import sys
import tomllib
from html import escape

# Student's t, 97.5 %, by degrees of freedom.
QUANTILE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
# Comparisons beside the equal one: what their plain run is called, and what to add to their rules' names.
CONTROLS = {"plain-half": "SGD, half the budget", "plain-third": "SGD, a third of it",
            "plain-sixth": "SGD, a sixth of it"}
APART = {"bayes_sam": "lr=0.5", "amsgrad": "on amsgrad"}


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % confidence interval."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return mean, mean, mean
    half = QUANTILE[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def accuracies(rule: dict) -> dict[int, float]:
    return {run["seed"]: 100 * run["test_accuracy"] for run in rule["runs"]}


def read(folder: pathlib.Path) -> list[dict]:
    rules = json.loads((folder / "results.json").read_text())["rules"]
    return [rule for rule in rules if rule["test_accuracy"]["count"] > 0]


def settings_of(run_folder: pathlib.Path) -> str:
    settings = tomllib.loads((run_folder / "config.toml").read_text()).get("settings", {})
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"


def run_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """One run's folder for each rule, by the folder's name without the seed."""
    return {path.name.rsplit("-seed", 1)[0]: path for path in sorted((folder / "runs").iterdir())}


def difference(rule: dict, other: dict) -> str:
    ours, theirs = accuracies(rule), accuracies(other)
    values = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    mean, low, high = interval(values)
    if len(values) < 2:
        return f"{mean:+.1f}"
    text = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def same_steps(rule: dict, plain: list[dict]) -> dict | None:
    """Plain SGD that made as many steps, to 2 %."""
    near = [p for p in plain if abs(p["steps"]["mean"] / rule["steps"]["mean"] - 1) < 0.02]
    return near[0] if near and near[0] is not rule else None


def name_of(rule: dict) -> str:
    name, _, settings = rule["rule"].partition(":")
    if rule["rule"] == "none":
        return rule.get("name", "SGD")
    return " ".join(filter(None, [name, settings.replace(",", " "), rule.get("beside", "")]))


def print_results(rules: list[dict], plain: list[dict]) -> None:
    sgd = plain[0]
    print("| | rule | seeds | test accuracy % | 95 % interval | difference to SGD | to SGD of as many steps "
          "| steps | evaluations |\n|" + " --- |" * 9)
    for place, rule in enumerate(rules, 1):
        values = list(accuracies(rule).values())
        mean, low, high = interval(values)
        peer = same_steps(rule, plain)
        print(f"| {place} | {name_of(rule)} | {len(values)} | {mean:.2f} ± {100 * rule['test_accuracy']['deviation']:.2f} "
              f"| {f'{low:.1f} – {high:.1f}' if len(values) > 1 else '–'} | {'–' if rule is sgd else difference(rule, sgd)} "
              f"| {difference(rule, peer) if peer and rule not in plain else '–'} "
              f"| {rule['steps']['mean']:.0f} | {rule['evaluations']['mean']:.0f} |")


def print_settings(folder: pathlib.Path) -> None:
    print("\n<details><summary>Every hyper-parameter</summary>\n\n| rule | settings |\n| --- | --- |")
    paths = {name: path for part in ["equal", *APART, "norms"] for name, path in run_folders(folder / part).items()}
    for path in paths.values():
        rule = tomllib.loads((path / "config.toml").read_text())["rule"]
        print(f"| {rule} | {settings_of(path)} |")
    print("\n</details>")


class Picture:
    """Rows of intervals under each other along one axis."""

    left, right, row, top = 250, 760, 17, 44

    def __init__(self, rules: list[dict]):
        self.rules = rules
        values = [v for rule in rules for v in accuracies(rule).values()]
        self.low, self.high = 10 * math.floor(min(values) / 10), 10 * math.ceil(max(values) / 10)
        self.bottom = self.top + self.row * len(rules)
        self.shapes: list[str] = []

    def x(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def text(self, x: float, y: float, words: str, anchor="start", colour="#1b1f24", weight="normal") -> None:
        self.shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
                           f'font-weight="{weight}">{escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, width=1.0, dash="") -> None:
        self.shapes.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                           f'stroke-width="{width}"{f" stroke-dasharray={chr(34)}{dash}{chr(34)}" if dash else ""}/>')

    def dot(self, x: float, y: float, radius: float, colour: str, opacity=1.0) -> None:
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" opacity="{opacity}"/>')

    def draw_axis(self) -> None:
        for tick in range(self.low, self.high + 1, 10):
            self.line(self.x(tick), self.top, self.x(tick), self.bottom, "#e3e7eb")
            self.text(self.x(tick), self.bottom + 16, f"{tick} %", "middle", "#59636e")
        self.text(self.right, self.bottom + 34, "test accuracy, 40 % of the training labels wrong", "end", "#59636e")

    def draw_row(self, rule: dict, y: float) -> None:
        colour = colour_of(rule)
        mean, low, high = interval(list(accuracies(rule).values()))
        self.text(0, y + 4, name_of(rule), colour=colour, weight="bold" if rule["rule"] == "none" else "normal")
        self.line(self.x(low), y, self.x(high), y, colour, 3)
        for value in accuracies(rule).values():
            self.dot(self.x(value), y, 2.2, colour, 0.5)
        self.dot(self.x(mean), y, 4.2, colour)
        self.text(self.right + 52, y + 4, f"{mean:.1f}", "end")

    def save(self, path: pathlib.Path, sgd: dict) -> None:
        self.draw_axis()
        reference = self.x(statistics.mean(accuracies(sgd).values()))
        self.line(reference, self.top, reference, self.bottom, "#1b1f24", 1, "4 4")
        for i, rule in enumerate(self.rules):
            self.draw_row(rule, self.top + self.row * (i + 0.5))
        for x, colour, words in ((0, DEFAULT, "at its own defaults"), (170, TUNED, "at the radius that suits sam"),
                                 (400, PLAIN, "plain SGD")):
            self.dot(x + 6, 18, 5, colour)
            self.text(x + 18, 22, words)
        size = f"{self.right + 60} {self.bottom + 44}"
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
                        f'font-family="system-ui, sans-serif" font-size="13"><rect width="100%" height="100%" '
                        f'fill="white"/>{chr(10).join(self.shapes)}</svg>\n')


DEFAULT, TUNED, PLAIN = "#0b62a8", "#c2410c", "#1b1f24"


def colour_of(rule: dict) -> str:
    if rule["rule"] == "none":
        return PLAIN
    if "beside" in rule:
        return DEFAULT
    return TUNED if ":" in rule["rule"] else DEFAULT


def best_first(rules: list[dict]) -> list[dict]:
    return sorted(rules, key=lambda rule: -rule["test_accuracy"]["mean"])


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    rules = read(folder / "equal")
    plain = [rules[0]] + [{**read(folder / name)[0], "name": label} for name, label in CONTROLS.items()]
    for name, beside in APART.items():
        rules += [{**rule, "beside": beside} | ({"name": f"plain {beside}"} if rule["rule"] == "none" else {})
                  for rule in read(folder / name)]
    rules = best_first(rules + plain[1:])
    print_results(rules, plain)
    print("\nOn a network with normalisation layers, for `sam_on`:\n")
    normed = read(folder / "norms")
    print_results(best_first(normed), normed[:1])
    print_settings(folder)
    Picture(rules).save(folder / "all_rules.svg", plain[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
