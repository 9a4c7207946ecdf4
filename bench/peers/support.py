"""What the scripts of this folder share: who is measured, timing in turns, tables and files."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import sys
import time

PACKAGES = ("torch", "triton", "jax", "jaxlib", "optax", "numpy")


def versions() -> str:
    """Python and the packages that are here, with their versions."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return ", ".join(found)


def processor() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} processors"


def seconds_of(form, repeats: int, wait=lambda: None, clock=time.perf_counter) -> float:
    """Seconds per call; `wait` lets a device finish before the clock is read."""
    wait()
    start = clock()
    for _ in range(repeats):
        form()
    wait()
    return (clock() - start) / repeats


def interleaved(forms: dict, rounds: int, seconds, shortest: float = 0.02) -> dict:
    """Runs the forms in turn, round after round, so that a busy machine slows all of them alike; returns
    the seconds per call of each round. `seconds(form, repeats)` measures; each form is called once
    before the first round, and repeated within a round until it lasts `shortest` seconds."""
    repeats = {}
    for name, form in forms.items():
        form()
        repeats[name] = max(1, min(1000, round(shortest / max(seconds(form, 1), 1e-9))))
    times = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            times[name].append(seconds(form, repeats[name]))
    return times


def ratio(times: dict, a: str, b: str) -> float:
    """Median over the rounds of a's time / b's."""
    return statistics.median(x / y for x, y in zip(times[a], times[b]))


def last_level_cache() -> int:
    """Bytes of the processor's largest cache, as the system tells."""
    sizes = [path.read_text().strip() for path in
             pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    unit = {"K": 2**10, "M": 2**20, "G": 2**30}
    return max((int(s[:-1]) * unit[s[-1]] for s in sizes if s[-1:] in unit), default=32 * 2**20)


def serve(form, wait=lambda: None) -> None:
    """Answers "ready", and each line with a number n on standard input, after n calls of the form, by
    their seconds on the clock and of the processor (as polder_steps does)."""
    form()
    wait()
    print("ready", flush=True)
    for line in sys.stdin:
        clock, busy = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            form()
        wait()
        print(time.perf_counter() - clock, time.process_time() - busy, flush=True)


def table(columns: list[str], rows: list[list]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write_json(path: str | None, script: str, device: str, settings: dict, rows: list[dict]) -> None:
    if not path:
        return
    page = {"script": script, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "processor": processor(), "device": device, "versions": versions(), "settings": settings, "rows": rows}
    pathlib.Path(path).write_text(json.dumps(page, indent=1) + "\n")
