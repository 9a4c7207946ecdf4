"""Adds the rule of docs/how-to/add-a-rule.md to a copy of the sources and tests it there.

    how_to_test.py BUILD COMPILER

The page's blocks are
  ```LANGUAGE file PATH                     a new file
  ```LANGUAGE lines PATH below LINE         lines that go into a file, below that line
Only what the page adds or changes is compiled; the rest is linked from BUILD.
"""
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/add-a-rule.md"
BLOCK = re.compile(r"^```(?:cpp|markdown|sh) (file|lines) (\S+)(?: below ([^\n]*))?\n(.*?)^```$", re.M | re.S)
RULE = "extragradient"


def apply_page(tree: Path) -> list[str]:
    """Writes and changes what the page says; the paths touched."""
    touched = []
    for kind, path, anchor, text in BLOCK.findall(PAGE.read_text()):
        target = tree / path
        if kind == "file":
            if target.exists():
                sys.exit(f"{path} exists already: the page wants a rule that is not there yet")
            target.write_text(text)
        else:
            before = target.read_text()
            if before.count(anchor + "\n") != 1:
                sys.exit(f"{path}: \"{anchor}\" stands there {before.count(anchor + chr(10))} times, want once")
            target.write_text(before.replace(anchor + "\n", anchor + "\n" + text))
        touched.append(path)
    return touched


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1500)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def flags_like(build: Path, source: str) -> list[str]:
    """How the build compiles that source, less the source and its output."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if Path(entry["file"]).resolve() == (ROOT / source).resolve():
            words = shlex.split(entry["command"])
            return words[: words.index("-o")]
    sys.exit(f"compile_commands.json does not hold {source}")


def objects_of(build: Path, test: str) -> list[str]:
    """What the build makes of the sources of a test; not what older builds left beside it."""
    commands = [(Path(entry["file"]), shlex.split(entry["command"]), Path(entry["directory"]))
                for entry in json.loads((build / "compile_commands.json").read_text())]
    return sorted(str(folder / words[words.index("-o") + 1]) for file, words, folder in commands
                  if file.is_relative_to(ROOT / "tests" / test))


def compile_changed(tree: Path, build: Path, paths: list[str]) -> list[str]:
    """Objects of the sources among `paths`, compiled as their neighbours are, but with the copy's
    headers in front."""
    objects = []
    for path in dict.fromkeys(path for path in paths if path.endswith(".cpp")):
        neighbour = path.replace(RULE, "sam")
        target = str(tree / path.replace("/", "_").replace(".cpp", ".o"))
        compiler, *flags = flags_like(build, neighbour)
        run([compiler, f"-I{tree}/include", f"-I{tree}/tests", *flags, "-o", target, "-c", str(tree / path)], build)
        objects.append(target)
    return objects


def link(tree: Path, build: Path, test: str, objects: list[str], compiler: str) -> Path:
    """A test program of the build with the changed objects instead of its own. Archives give only
    what is missing."""
    own = objects_of(build, test)
    rooms = ["verify", "lets", "reference", "optim", "nn", "autograd", "kernels", "core"]
    archives = [str(path) for room in rooms for path in sorted((build / room).rglob("*.a"))]
    program = tree / f"{test}_test"
    sanitize = ["-fsanitize=address,undefined"] if "POLDER_SANITIZE:BOOL=ON" in (build / "CMakeCache.txt").read_text() else []
    run([compiler, *sanitize, "-o", str(program), *own, *objects, "-Wl,--start-group", *archives, "-Wl,--end-group",
         "-lfmt", "-lgtest_main", "-lgmock", "-lgtest", "-lgomp", "-lpthread", *sys.argv[3:]], tree)
    return program


def run_tests(tree: Path, program: Path, wanted: int) -> int:
    """Runs the tests that name the rule; how many they are."""
    mine = f"--gtest_filter=*{RULE}*:*{RULE.capitalize()}*"
    listed = run([str(program), "--gtest_list_tests", mine], tree)
    count = sum(1 for line in listed.splitlines() if line.startswith("  "))
    if count < wanted:
        sys.exit(f"only {count} tests of {program.name} name {RULE}, want {wanted}")
    run([str(program), mine], tree)
    return count


def main() -> None:
    build, compiler = Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for room in ("optim", "reference", "tests", "docs", "scripts"):
            shutil.copytree(ROOT / room, tree / room)
        headers = tree / "include/polder"
        headers.mkdir(parents=True)
        for entry in (build / "include/polder").resolve().iterdir():
            copied = tree / entry.name
            (headers / entry.name).symlink_to(copied if copied.exists() else entry)
        touched = apply_page(tree)
        (tree / f"docs/pictures/methods/{RULE}.svg").touch()  # what the script would draw by training
        print(run([sys.executable, str(ROOT / "tests/house/pages_test.py"), str(tree)], tree), end="")
        objects = compile_changed(tree, build, touched)
        library = [path for path in objects if not Path(path).name.startswith("tests_")]
        count = run_tests(tree, link(tree, build, "optim", objects, compiler), 2)
        count += run_tests(tree, link(tree, build, "verify", library, compiler), 20)
        print(f"{len(touched)} blocks applied, {count} tests of {RULE} pass")


if __name__ == "__main__":
    main()
