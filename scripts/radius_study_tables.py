#!/usr/bin/env python3
"""Prints the experiments of scripts/radius_study.sh as Markdown and draws the radii that were
learned: radius_study_tables.py FOLDER."""

import json
import math
import pathlib
import statistics
import sys

LEARNERS = ["gap", "gap, whole sets", "validation loss", "validation loss, whole set"]


def rows_of(folder: pathlib.Path, experiment: str) -> list[dict]:
    files = sorted(folder.glob(f"{experiment}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def groups(rows: list[dict], *keys: str) -> dict:
    found: dict = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def table(head: list[str], rows: list[list[str]]) -> None:
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def mean(rows: list[dict], value) -> float:
    return statistics.mean(value(row) for row in rows)


def print_radii(rows: list[dict]) -> None:
    print("\n### Whole runs at a fixed radius")
    table(["radius", "test accuracy %", "L_vl", "L_tr", "gap", "J"],
          [[f"{rho:g}", f"{100 * mean(g, lambda r: r['accuracy']):.1f}",
            f"{mean(g, lambda r: r['validation']):.3f}", f"{mean(g, lambda r: r['training']):.3f}",
            f"{mean(g, lambda r: r['validation'] - r['training']):+.3f}",
            f"{mean(g, lambda r: (r['validation'] - r['training']) ** 2 / 2):.5f}"]
           for (rho,), g in sorted(groups(rows, "rho").items())])


def pooled(rows: list[dict], name: str) -> str:
    """Mean over the runs, and the standard error of that mean from the lower steps, in thousandths;
    bold when it stands clear of zero."""
    value = 1e3 * mean(rows, lambda r: r[name][0])
    error = 1e3 * math.sqrt(sum(r[name][1] ** 2 for r in rows)) / len(rows)
    text = f"{value:+.2g} ± {error:.1g}"
    return f"**{text}**" if abs(value) > 3 * error else text


def print_slopes(rows: list[dict]) -> None:
    print("\n### Slopes of one step, times 1000, by log radius")
    names = ["J_whole", "J_fresh", "J_same", "validation", "test"]
    table(["radius", "step", "gap", "share of chance in J"] + names,
          [[f"{rho:g}", str(step), f"{mean(g, lambda r: r['gap'][0]):+.3f}",
            f"{100 * (1 - mean(g, lambda r: r['gap'][0] ** 2 / r['gap_square'][0])):.0f} %"]
           + [pooled(g, name) for name in names]
           for (rho, step), g in sorted(groups(rows, "rho", "step").items())])


def print_horizon(rows: list[dict]) -> None:
    print("\n### Slopes of 100 steps by log radius")
    names = ["J", "validation", "test", "accuracy"]
    table(["radius", "step"] + names,
          [[f"{rho:g}", str(step)] + [f"{mean(g, lambda r: r[name]):+.4f}" for name in names]
           for (rho, step), g in sorted(groups(rows, "rho", "step").items())])


def print_learning(rows: list[dict]) -> None:
    print("\n### Where learners end")
    ends = groups([row for row in rows if "accuracy" in row], "learner", "start")
    table(["what the radius descends", "start", "last radius", "test accuracy %"],
          [[learner, f"{start:g}", ", ".join(f"{row['rho']:.3g}" for row in ends[learner, start]),
            ", ".join(f"{100 * row['accuracy']:.1f}" for row in ends[learner, start])]
           for learner in LEARNERS for start in (0.005, 0.05, 0.5) if (learner, start) in ends])


def draw(rows: list[dict], best: float, path: pathlib.Path) -> None:
    """One panel a learner, one line a run: the radius (logarithmic) over the steps."""
    width, height, left, top = 250, 200, 52, 30
    colours = {0.005: "#2b6cb0", 0.05: "#2f855a", 0.5: "#c05621"}
    low, high, steps = math.log(1e-3), math.log(5), max(row["step"] for row in rows)
    shapes = []

    def y_of(rho: float) -> float:
        return top + height * (high - math.log(rho)) / (high - low)

    for number, learner in enumerate(["gap", "gap, whole sets", "validation loss"]):
        x0 = left + number * (width + 20)
        shapes.append(f'<text x="{x0 + width / 2}" y="20" text-anchor="middle">{learner}</text>'
                      f'<rect x="{x0}" y="{top}" width="{width}" height="{height}" fill="none" '
                      f'stroke="#999"/><path d="M{x0} {y_of(best):.1f}h{width}" stroke="#999" '
                      f'stroke-dasharray="4 4"/>')
        chosen = [row for row in rows if row["learner"] == learner]
        for (start, _), run in groups(chosen, "start", "seed").items():
            points = [(0, start)] + [(row["step"], row["rho"]) for row in run]
            line = " ".join(f"{x0 + width * step / steps:.1f},{y_of(rho):.1f}"
                            for step, rho in points)
            shapes.append(f'<polyline points="{line}" fill="none" stroke="{colours[start]}" '
                          f'stroke-width="1.5"/>')
    for rho in (0.001, 0.01, 0.1, 1):
        shapes.append(f'<text x="{left - 6}" y="{y_of(rho) + 4:.1f}" text-anchor="end">{rho:g}'
                      f'</text>')
    shapes.append(f'<text x="{left}" y="{top + height + 20}">step 0 to {steps}; dashed: the best '
                  f'fixed radius</text>')
    size = f"{left + 3 * (width + 20)} {top + height + 30}"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
                    f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" '
                    f'fill="white"/>{"".join(shapes)}</svg>\n')


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    printers = {"radii": print_radii, "slopes": print_slopes, "horizon": print_horizon,
                "learning": print_learning}
    found = {name: rows_of(folder, name) for name in printers}
    for name, rows in found.items():
        if rows:
            printers[name](rows)
    if found["learning"] and found["radii"]:
        accuracy = {rho: mean(g, lambda r: r["accuracy"])
                    for (rho,), g in groups(found["radii"], "rho").items()}
        draw(found["learning"], max(accuracy, key=accuracy.get), folder / "radius_study.svg")
    return 0 if any(found.values()) else f"{folder}: no parts of the study"


if __name__ == "__main__":
    sys.exit(main())
