"""Reports of a real run and a real comparison: well-formed, self-contained, inside their pictures,
and true: a curve read back through its own axis gives the number in metrics.jsonl.

Usage: report_test.py POLDER
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SMALL = ["--data", "spirals", "--model", "mlp", "--steps", "60", "--train-size", "300", "--batch", "30",
         "--test-size", "100", "--lr", "0.02"]
FOREIGN = ["http:", "https:", "//", "url(", "@import", "<script", "<link", "<iframe", "src=", "href="]


def parse(path: pathlib.Path) -> ElementTree.Element:
    text = path.read_text()
    for word in FOREIGN:
        assert word not in text, f"{path.name} reaches outside: {word}"
    assert text.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+\.?\d*", text)]


def check_inside(svg: ElementTree.Element) -> None:
    _, _, width, height = numbers(svg.get("viewBox"))
    slack = 2.0
    for element in svg.iter():
        xs = [float(element.get(k)) for k in ("x", "x1", "x2", "cx") if element.get(k)]
        ys = [float(element.get(k)) for k in ("y", "y1", "y2", "cy") if element.get(k)]
        if element.tag == "path" and "H" not in element.get("d"):
            points = numbers(element.get("d"))
            xs, ys = points[0::2], points[1::2]
        assert all(-slack <= x <= width + slack for x in xs), (element.attrib, width)
        assert all(-slack <= y <= height + slack for y in ys), (element.attrib, height)
        if element.tag == "text" and element.get("text-anchor") == "start":
            assert xs[0] + 6.0 * len(element.text) <= width, f"{element.text} leaves the picture"


def figure(page: ElementTree.Element, heading: str) -> ElementTree.Element:
    found = [f for f in page.iter("figure") if f.find("h3").text == heading]
    assert len(found) == 1, f"{len(found)} figures are called {heading}"
    return found[0]


def value_at(svg: ElementTree.Element, y: float, unit: float) -> float:
    """Reads a height through the labels of a linear axis."""
    ticks = [(float(t.get("y")) - 4, float(t.text.split()[0]) * unit) for t in svg.iter("text")
             if t.get("class") == "tick" and t.get("text-anchor") == "end"]
    (y0, v0), (y1, v1) = ticks[0], ticks[-1]
    return v0 + (y - y0) / (y1 - y0) * (v1 - v0)


def curve_ends(svg: ElementTree.Element) -> dict[str, float]:
    """Colour class of each curve, and the height of its last point."""
    return {p.get("class").split()[-1]: numbers(p.get("d"))[-1] for p in svg.iter("path")
            if p.get("class").startswith("curve")}


def colour_of(svg: ElementTree.Element, name: str) -> str:
    return next(t.get("class").split()[-1] for t in svg.iter("text")
                if t.get("class").startswith("name") and t.text == name)


def check_run(polder: str, folder: pathlib.Path) -> None:
    out = folder / 'run <b> & "c"'
    subprocess.run([polder, "train", *SMALL, "--rule", "lets_sam", "--receipts-every", "10", "--out", out],
                   check=True, stdout=subprocess.DEVNULL)
    page = parse(out / "report.html")
    for svg in page.iter("svg"):
        check_inside(svg)
    for heading in ("Loss", "Accuracy", "Radius", "Clean and perturbed loss", "Gradient norm",
                    "Learning rate", "Receipts", "How right they are"):
        figure(page, heading)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["kind"] == "evaluation"][-1]
    svg = figure(page, "Accuracy").find("svg")
    ends = curve_ends(svg)
    for name, key in (("training", "training"), ("held out", "validation"), ("test", "test")):
        shown = value_at(svg, ends[colour_of(svg, name)], 0.01)
        wanted = last[f"{key}_accuracy"]
        assert abs(shown - wanted) < 0.003, f"{name}: the curve says {shown}, the file {wanted}"
    cells = [cell.text for cell in page.iter("td")]
    assert f"{100 * last['test_accuracy']:.2f} %" in cells
    receipts = [line for line in lines if line["kind"] == "receipt"]
    assert len(receipts) == 6 and f"{receipts[-1]['central_difference']:.4g}" in cells
    assert 'run <b> & "c"' in page.find(".//pre").text.replace("\\", "")


def check_comparison(polder: str, folder: pathlib.Path) -> None:
    out = folder / "table"
    subprocess.run([polder, "compare", *SMALL, "--rules", "none", "sam:rho=0.02", "sam:rho=0.2", "lets_asam",
                    "--seeds", "3", "--out", out], check=True, stdout=subprocess.DEVNULL)
    page = parse(out / "report.html")
    for svg in page.iter("svg"):
        check_inside(svg)
    results = json.loads((out / "results.json").read_text())["rules"]
    rows = [[cell.text for cell in row.iter("td")] for row in page.find(".//table").iter("tr")][1:]
    assert [row[0] for row in rows] == [rule["rule"] for rule in results]
    for row, rule in zip(rows, results):
        accuracies = [run["test_accuracy"] for run in rule["runs"]]
        mean = sum(accuracies) / 3
        deviation = (sum((a - mean) ** 2 for a in accuracies) / 2) ** 0.5
        assert row[2] == f"{100 * mean:.2f} ± {100 * deviation:.2f}", row
        if rule is results[0]:
            continue
        differences = [a - b["test_accuracy"] for a, b in zip(accuracies, results[0]["runs"])]
        centre = sum(differences) / 3
        spread = (sum((d - centre) ** 2 for d in differences) / 2) ** 0.5
        half = 4.302652729911275 * spread / 3**0.5  # t for 2 degrees of freedom, 97.5 %
        assert abs(rule["difference"]["mean"] - centre) < 1e-12
        assert abs(rule["difference"]["high"] - (centre + half)) < 1e-9
    for heading in ("Test accuracy", "Training accuracy", "Radius", "Gradient norm"):
        assert any(f.find("h3").text == heading for f in page.iter("figure")), heading
    figure(page, "Difference to none")
    figure(page, "Test accuracy against gradient evaluations")


def bar_ends(svg: ElementTree.Element) -> list[tuple[float, float]]:
    """Low and high end of each upright bar, in pixels."""
    return [(y0, y1) for _, y0, _, y1 in (numbers(p.get("d")) for p in svg.iter("path")
                                          if p.get("class").startswith("interval"))]


def check_equal_evaluations(polder: str, folder: pathlib.Path) -> None:
    """Every rule spends the same; the bars are Student's interval; more rules than names are greyed."""
    out = folder / "equal"
    radii = ["0.01", "0.02", "0.03", "0.04", "0.05", "0.06", "0.07"]
    rules = ["none", "k_sam", "ae_sam", *(f"sam:rho={radius}" for radius in radii)]
    subprocess.run([polder, "compare", *SMALL, "--rules", *rules, "--seeds", "3", "--budget", "evaluations",
                    "--eval-every", "15", "--out", out], check=True, stdout=subprocess.DEVNULL)
    page = parse(out / "report.html")
    for svg in page.iter("svg"):
        check_inside(svg)
    results = json.loads((out / "results.json").read_text())["rules"]
    for rule in results:
        for run in rule["runs"]:
            assert 60 - 1e-6 <= run["evaluations"] < 62, (rule["rule"], run["evaluations"])
    assert results[0]["steps"]["mean"] == 60 and results[3]["steps"]["mean"] == 30
    svg = figure(page, "Test accuracy against training time").find("svg")
    shown = sorted(value_at(svg, y, 0.01) for ends in bar_ends(svg) for y in ends)
    wanted = []
    for rule in results:
        accuracy = rule["test_accuracy"]
        half = 4.302652729911275 * accuracy["deviation"] / 3**0.5
        wanted += [max(0.0, accuracy["mean"] - half), min(1.0, accuracy["mean"] + half)]
    assert len(shown) == len(wanted) == 20
    for a, b in zip(shown, sorted(wanted)):
        assert abs(a - b) < 0.004, (a, b)
    names = [t for t in svg.iter("text") if t.get("class").startswith("name")]
    assert len(names) == 8 and sum("c8" in c.get("class") for c in svg.iter("circle")) == 2
    svg = figure(page, "Test accuracy over gradient evaluations").find("svg")
    assert len(curve_ends(svg)) == 8
    headings = [f.find("h3").text for f in page.iter("figure")]
    assert "Test accuracy against gradient evaluations" not in headings  # all at the same place


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        check_run(sys.argv[1], pathlib.Path(folder))
        check_comparison(sys.argv[1], pathlib.Path(folder))
        check_equal_evaluations(sys.argv[1], pathlib.Path(folder))
    print("the reports are well-formed, self-contained and true")
    return 0


if __name__ == "__main__":
    sys.exit(main())
