"""Compiles and runs every C++ snippet of the README and the docs, and checks shell lines' programs.

A snippet is a fenced block that opens with ```cpp. A block that contains `int main` is a program; it is
compiled against this build and run. A block that opens with ```cpp fragment is put into a function body
after the includes of the page's first program. A page with snippets and none compiled is a failure.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```cpp( fragment)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROOMS = ["lets", "optim", "nn", "autograd", "kernels", "data", "core"]


def program(text: str, page_includes: str) -> str:
    if "int main" in text:
        return text
    return f"{page_includes}\n[[maybe_unused]] static void snippet() {{\n{text}\n}}\nint main() {{}}\n"


def snippets(page: pathlib.Path):
    includes = ""
    for number, match in enumerate(BLOCK.finditer(page.read_text())):
        text = match.group(2)
        if "int main" in text:
            includes = "\n".join(re.findall(r"^#include.*$", text, re.MULTILINE))
        yield f"{page.relative_to(ROOT)} block {number + 1}", program(text, includes)


def compile_and_run(source: str, build: pathlib.Path, compiler: str) -> str:
    """Empty when it compiled and ran, else what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "snippet.cpp").write_text(source)
        sanitize = ["-fsanitize=address,undefined"] if "POLDER_SANITIZE:BOOL=ON" in (
            build / "CMakeCache.txt").read_text() else []
        libraries = [str(build / room / f"libpolder_{room}.a") for room in ROOMS]
        command = [compiler, "-std=c++20", "-O1", "-Wall", *sanitize, f"-I{build}/include",
                   "snippet.cpp", "-o", "snippet", "-Wl,--start-group", *libraries,
                   "-Wl,--end-group", "-lfmt", "-lz", "-lgomp", "-lpthread"]
        for step in (command, ["./snippet"]):
            done = subprocess.run(step, cwd=path, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                return done.stderr[-4000:] or f"exit status {done.returncode}"
    return ""


def main() -> int:
    build, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    assert compile_and_run("int main() { return 3; }", build, compiler), "a failing program passed"
    assert compile_and_run("int main() { nonsense; }", build, compiler), "a wrong program passed"
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    failures, count = 0, 0
    for page in pages:
        if not page.exists():
            continue
        for name, source in snippets(page):
            count += 1
            problem = compile_and_run(source, build, compiler)
            failures += bool(problem)
            print(f"{'FAILED' if problem else 'ok    '} {name}\n{problem}".rstrip())
    print(f"{count} snippets, {failures} failed")
    return 1 if failures or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
