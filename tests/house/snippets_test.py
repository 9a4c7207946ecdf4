"""Compiles and runs every C++ snippet of the README and the docs.

A snippet is a fenced block:
  ```cpp                  a program (it contains `int main`): compiled against this build and run
  ```cpp fragment         statements: compiled in a function body after the page's includes
  ```cpp from FILE        an excerpt: its lines must stand in FILE, in one piece

Arguments: the build folder, the compiler, what its libraries link beside the usual.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```cpp(?: (fragment|from \S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROOMS = ["verify", "reference", "doctor", "lets", "optim", "nn", "autograd", "kernels", "data",
         "core"]


def program(text: str, page_includes: str) -> str:
    if "int main" in text:
        return text
    return f"{page_includes}\n[[maybe_unused]] static void snippet() {{\n{text}\n}}\nint main() {{}}\n"


def excerpt_problem(text: str, file: pathlib.Path) -> str:
    """Empty when the excerpt stands in the file, white space aside."""
    if not file.exists():
        return f"{file} does not exist"
    squeezed = " ".join(text.split())
    return "" if squeezed in " ".join(file.read_text().split()) else f"not in {file}:\n{text}"


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
                   "-Wl,--end-group", "-lfmt", "-lz", "-lgomp", "-lpthread",
                   *sys.argv[3:]]
        for step in (command, ["./snippet"]):
            done = subprocess.run(step, cwd=path, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                return done.stderr[-4000:] or f"exit status {done.returncode}"
    return ""


def check_page(page: pathlib.Path, build: pathlib.Path, compiler: str):
    """Yields (name, problem) for each snippet of a page."""
    includes = ""
    for number, match in enumerate(BLOCK.finditer(page.read_text())):
        kind, text = match.groups()
        name = f"{page.relative_to(ROOT)} block {number + 1}"
        if kind and kind.startswith("from "):
            yield name, excerpt_problem(text, ROOT / kind.removeprefix("from "))
            continue
        if "int main" in text:
            includes = "\n".join(re.findall(r"^(?:#include|using namespace).*$", text, re.MULTILINE))
        yield name, compile_and_run(program(text, includes), build, compiler)


def check_the_checker(build: pathlib.Path, compiler: str) -> None:
    assert compile_and_run("int main() { return 3; }", build, compiler), "a failing program passed"
    assert compile_and_run("int main() { nonsense; }", build, compiler), "a wrong program passed"
    assert excerpt_problem("no such line", ROOT / "README.md"), "a made-up excerpt passed"


def main() -> int:
    build, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    check_the_checker(build, compiler)
    count = failures = 0
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for name, problem in check_page(page, build, compiler):
            count += 1
            failures += bool(problem)
            print(f"{'FAILED' if problem else 'ok    '} {name}\n{problem}".rstrip())
    print(f"{count} snippets, {failures} failed")
    return 1 if failures or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
