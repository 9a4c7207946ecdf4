#!/usr/bin/env python3
"""Every differentiable function has a row in the gradient table, and the row calls it.

Usage: check_gradient_rows.py HEADER TABLE

An overloaded function needs at least one row for each of its declarations.
"""
import re
import sys
from collections import Counter


def declared_functions(header):
    code = re.sub(r"//[^\n]*", "", header)
    return Counter(re.findall(r"^Variable (\w+)\(", code, re.MULTILINE))


def table_rows(table):
    """(function, text of the row) for each row("function variant", ...)."""
    starts = list(re.finditer(r'\brow\("(\w+)[ \w]*"', table))
    ends = [start.start() for start in starts[1:]] + [len(table)]
    return [(start[1], table[start.end():end]) for start, end in zip(starts, ends)]


def complaints(functions, rows):
    count = Counter(name for name, _ in rows)
    for name, declarations in functions.items():
        if count[name] < declarations:
            yield f"{name}: {declarations} declared, {count[name]} rows in the gradient table"
    for name, text in rows:
        if name not in functions:
            yield f"{name}: a row for a function that is not declared"
        elif not re.search(rf"\b{name}\(", text):
            yield f"{name}: a row that does not call it"


def main():
    header, table = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
    functions, rows = declared_functions(header), table_rows(table)
    found = list(complaints(functions, rows))
    for complaint in found:
        print(complaint)
    print(f"{len(functions)} differentiable functions, {len(rows)} rows")
    return 1 if found or not functions else 0


if __name__ == "__main__":
    sys.exit(main())
