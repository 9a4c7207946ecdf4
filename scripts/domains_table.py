#!/usr/bin/env python3
"""Prints the comparisons of scripts/domains.sh as Markdown: domains_table.py FOLDER."""

import json
import pathlib
import statistics
import sys

STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def accuracies(folder: pathlib.Path) -> dict[str, dict[int, dict[int, float]]]:
    """Test accuracy in percent by rule, seed and the angle left out."""
    found: dict[str, dict[int, dict[int, float]]] = {}
    for file in folder.glob("without-*/results.json"):
        angle = int(file.parent.name.removeprefix("without-"))
        for rule in json.loads(file.read_text())["rules"]:
            for run in rule.get("runs", []):
                seeds = found.setdefault(rule["rule"], {})
                seeds.setdefault(run["seed"], {})[angle] = 100 * run["test_accuracy"]
    return found


def complete_seeds(found: dict, angles: list[int]) -> list[int]:
    """Seeds that every rule has a run of for every angle."""
    return [seed for seed in sorted(next(iter(found.values())))
            if all(set(angles) <= set(seeds.get(seed, {})) for seeds in found.values())]


def spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def row(rule: str, found: dict, angles: list[int], seeds: list[int], first: str) -> str:
    cells = [f"{statistics.mean(found[rule][seed][angle] for seed in seeds):.2f}" for angle in angles]
    means = {name: [statistics.mean(found[name][seed][angle] for angle in angles) for seed in seeds]
             for name in (rule, first)}
    gains = [a - b for a, b in zip(means[rule], means[first])]
    difference = "–"
    if rule != first:
        half = STUDENT[len(gains) - 1] * spread(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        gain = statistics.mean(gains)
        difference = f"{gain:+.2f} [{gain - half:+.2f}, {gain + half:+.2f}]"
    average = f"{statistics.mean(means[rule]):.2f} ± {spread(means[rule]):.2f}"
    name = "SGD" if rule == "none" else rule.replace(":", " ")
    return f"| {name} | {' | '.join(cells)} | {average} | {difference} |"


def main() -> int:
    found = accuracies(pathlib.Path(sys.argv[1]))
    if not found:
        return f"{sys.argv[1]}: no without-*/results.json"
    first = next(iter(found))
    angles = sorted({angle for seeds in found.values() for run in seeds.values() for angle in run})
    seeds = complete_seeds(found, angles)
    if not seeds:
        return f"{sys.argv[1]}: no seed has a run of every rule for every angle"
    print(f"| rule | {' | '.join(f'{angle}°' for angle in angles)} | average | difference to SGD |")
    print("| --- " * (len(angles) + 3) + "|")
    for rule in found:
        print(row(rule, found, angles, seeds, first))
    return 0


if __name__ == "__main__":
    sys.exit(main())
