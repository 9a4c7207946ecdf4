#!/usr/bin/env python3
"""No kernel of the flat passes keeps registers in memory: compiles them and reads ptxas's report.

Usage: check_spills.py [SOURCE.cu ...]      default: the norms, ascents and updates, and the ladder

Prints what spills, and the most registers of a kernel; fails on a spill. Exit status 77 and
SKIPPED where there is no nvcc. Compiles for the architectures of cmake/PolderCuda.cmake.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = ["ascent.cu", "flat_sum.cu", "update.cu", "ladder/backup.cu", "ladder/one_launch.cu",
           "ladder/table.cu"]
# As kernels/cuda/CMakeLists.txt compiles them.
FLAGS = ["-std=c++20", "-O3", "--expt-relaxed-constexpr", "--extended-lambda",
         "-DPOLDER_DEVICE=cuda", "-DFMT_CONSTEVAL=", "-DFMT_USE_CONSTEXPR=1"]
ARCHITECTURES = ("80", "90")
ENTRY = re.compile(
    r"Compiling entry function '(?P<name>\w+)' for 'sm_(?P<architecture>\d+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?Used (?P<registers>\d+) registers", re.DOTALL)


def kernels_in(report):
    """(architecture, name, bytes spilled, registers) of each kernel in ptxas's report."""
    return [(entry["architecture"], entry["name"], int(entry["stores"]) + int(entry["loads"]),
             int(entry["registers"])) for entry in ENTRY.finditer(report)]


def check_the_checker():
    planted = """
ptxas info    : Compiling entry function '_Z4goodv' for 'sm_80'
ptxas info    : Function properties for _Z4goodv
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers
ptxas info    : Compiling entry function '_Z3badv' for 'sm_90'
ptxas info    : Function properties for _Z3badv
    24 bytes stack frame, 36 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers"""
    assert kernels_in(planted) == [("80", "_Z4goodv", 0, 32), ("90", "_Z3badv", 36, 128)]


def compile_report(nvcc, source, include):
    targets = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES]
    command = [nvcc, *FLAGS, *targets, "-Xptxas", "-v", "-I", include, "-fatbin",
               "-o", os.devnull, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{source}: nvcc failed\n{done.stderr}")
    return done.stderr


def readable(names):
    filt = shutil.which("c++filt")
    if filt is None:
        return names
    text = subprocess.run([filt], input="\n".join(names), capture_output=True, text=True,
                          check=True).stdout
    return [re.sub(r"polder::kernels::cuda::|\(anonymous namespace\)::|\(.*", "", line)
            for line in text.splitlines()]


def spills(source, report):
    """Prints what one source's kernels take on each architecture; whether one spills."""
    kernels, spilling = kernels_in(report), []
    for architecture in ARCHITECTURES:
        found = [kernel for kernel in kernels if kernel[0] == architecture]
        if not found:
            sys.exit(f"{source}: no kernel for sm_{architecture} in ptxas's report")
        here = [kernel for kernel in found if kernel[2] > 0]
        print(f"{source.name}, sm_{architecture}: {len(found)} kernels, {len(here)} spill, "
              f"at most {max(kernel[3] for kernel in found)} registers")
        spilling += here
    for name, kernel in zip(readable([k[1] for k in spilling]), spilling):
        print(f"  sm_{kernel[0]}, {kernel[2]} bytes, {kernel[3]} registers: {name}")
    return bool(spilling)


def main():
    check_the_checker()
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        print("SKIPPED: no nvcc on the PATH")
        return 77
    sources = [pathlib.Path(name) for name in sys.argv[1:]]
    sources = sources or [ROOT / "kernels" / "cuda" / name for name in SOURCES]
    with tempfile.TemporaryDirectory() as include:
        (pathlib.Path(include) / "polder").symlink_to(ROOT)
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            reports = pool.map(lambda source: compile_report(nvcc, source, include), sources)
            failed = [spills(source, report) for source, report in zip(sources, reports)]
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
