"""Reads every #include and fails on an arrow that runs the wrong way between rooms.

Rules (docs/architecture.md): a room includes only the rooms it knows; nothing above kernels/ names
CUDA, cuBLAS, cuDNN, Eigen or OpenMP. The checker is itself checked on planted faults first.
"""

import pathlib
import re
import sys

KNOWS = {
    "core": set(),
    "kernels": {"core"},
    "autograd": {"core", "kernels"},
    "nn": {"core", "kernels", "autograd"},
    "optim": {"core", "kernels", "autograd", "nn"},
    "lets": {"core", "kernels", "autograd", "nn", "optim"},
    "doctor": {"core", "kernels", "autograd", "nn", "optim", "lets"},
    "data": {"core"},
    "reference": set(),
    "study": {"core", "kernels", "autograd", "nn", "optim"},
    "verify": {"core", "kernels", "autograd", "nn", "optim", "lets", "reference"},
    "app": {"core", "kernels", "autograd", "nn", "optim", "lets", "doctor", "data", "study",
            "verify"},
}
DEVICE_LIBRARY = re.compile(r"^(cuda|cublas|cudnn|Eigen|omp\.h)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}


def faults(name: str, text: str) -> list[str]:
    room = name.split("/")[0]
    found = []
    for target in INCLUDE.findall(text):
        if DEVICE_LIBRARY.match(target) and room != "kernels":
            found.append(f"{name} names a device library: {target}")
        if target.startswith("polder/"):
            other = target.split("/")[1]
            if other in KNOWS and other != room and other not in KNOWS[room]:
                found.append(f"{name} includes uphill: {target}")
        elif (pathlib.Path(__file__).parents[2] / target).exists():
            found.append(f'{name}: write "polder/{target}", not "{target}"')
    return found


def check_the_checker() -> None:
    planted = {
        "nn/a.h": '#include "polder/optim/rule.h"',
        "data/a.cpp": '#include "polder/nn/module.h"',
        "autograd/a.cpp": "#include <Eigen/Core>",
        "optim/a.cpp": "#  include <cuda_runtime.h>",
        "core/a.h": '#include "polder/kernels/backend.h"',
        "reference/a.cpp": '#include "polder/core/tensor.h"',
        "lets/a.cpp": '#include "polder/doctor/examine.h"',
        "optim/b.cpp": '#include "polder/reference/net.h"',
        "lets/a.cpp": '#include "polder/verify/check.h"',
        "app/a.cpp": '#include "polder/reference/rules.h"',
    }
    for name, text in planted.items():
        assert faults(name, text), f"a planted fault was not seen: {name}: {text}"
    assert not faults("optim/a.cpp", '#include "polder/nn/module.h"\n#include <vector>')


def main() -> int:
    check_the_checker()
    root = pathlib.Path(__file__).parents[2]
    found, files = [], 0
    for room in KNOWS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in SUFFIXES:
                files += 1
                found += faults(path.relative_to(root).as_posix(), path.read_text())
    print("\n".join(found) or f"{files} files, every arrow runs downhill")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
