#!/usr/bin/env python3
"""Every rule of the registry has a page with a picture, stands in the index of pages, and has a reference.

    pages_test.py ROOT
"""
import re
import sys
from pathlib import Path


def registered(root: Path) -> list[str]:
    """Names of the entries that built_in_rules() adds."""
    text = (root / "optim/built_in_rules.cpp").read_text()
    return re.findall(r"rules\.add\((\w+)_entry\(\)\)", text)


def shows_a_picture(page: Path, rule: str) -> bool:
    picture = f"../pictures/methods/{rule}.svg"
    drawn = f"\ndraw {rule} " in (page.parents[2] / "scripts/method_pictures.sh").read_text()
    return drawn and f"]({picture})" in page.read_text() and (page.parent / picture).is_file()


def complaints(root: Path) -> list[str]:
    pages = root / "docs/methods"
    index = (pages / "README.md").read_text()
    references = (root / "reference/rules.cpp").read_text()
    found = []
    for rule in registered(root):
        if rule != "none" and not (pages / f"{rule}.md").is_file():
            found.append(f"{rule}: docs/methods/{rule}.md is missing")
        elif rule != "none" and not shows_a_picture(pages / f"{rule}.md", rule):
            found.append(f"{rule}: docs/methods/{rule}.md shows no picture of scripts/method_pictures.sh")
        if rule != "none" and f"[`{rule}`]({rule}.md)" not in index:
            found.append(f"{rule}: docs/methods/README.md does not name it")
        if f'{{"{rule}", make_{rule}}}' not in references:
            found.append(f"{rule}: reference/rules.cpp has no reference")
        if not (root / f"tests/optim/rules/{rule}_test.cpp").is_file():
            found.append(f"{rule}: tests/optim/rules/{rule}_test.cpp is missing")
    for page in re.findall(r"\]\((\w+)\.md\)", index):
        if not (pages / f"{page}.md").is_file():
            found.append(f"docs/methods/README.md: {page}.md does not exist")
    return found


def main() -> int:
    root = Path(sys.argv[1])
    rules = registered(root)
    if len(rules) < 4:
        print(f"only {len(rules)} rules found in optim/built_in_rules.cpp: this test reads it wrongly")
        return 1
    found = complaints(root)
    print("\n".join(found) or f"{len(rules)} rules, each with page, index line, reference and test")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
