#!/usr/bin/env python3
"""A file over 400 lines, or a function over 60, asks to be two things."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE, MAX_FUNCTION = 400, 60
problems, files = [], 0
for path in sorted([*root.glob("src/**/*"), *root.glob("tests/**/*"), *root.glob("bench/**/*")]):
    if path.suffix not in (".h", ".cpp"):
        continue
    files += 1
    lines = path.read_text().splitlines()
    name = path.relative_to(root)
    if len(lines) > MAX_FILE:
        problems.append(f"{name}: {len(lines)} lines")
    # clang-format puts a function's closing brace at its own indentation: 0, or 2 inside a class.
    start = None
    for number, line in enumerate(lines, 1):
        opens = re.match(r"( {0,2})[A-Za-z~].*\)[^;]*\{$", line)
        if start is None and opens and not re.match(r" *(namespace|class|struct|enum|switch|if|for|while)\b", line):
            start = (number, len(opens[1]))
        elif start and re.match(r" {%d}\}" % start[1], line):
            if number - start[0] + 1 > MAX_FUNCTION:
                problems.append(f"{name}:{start[0]}: function of {number - start[0] + 1} lines")
            start = None

print("\n".join(problems) or f"sizes: {files} files, none too long")
sys.exit(bool(problems))
