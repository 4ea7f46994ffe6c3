#!/usr/bin/env python3
"""Refuses an #include between libraries that src/layers.txt does not allow, and an edge that climbs a layer."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
layer, allowed = {}, {}
for line in (root / "src/layers.txt").read_text().splitlines():
    match = re.match(r"(\d+) +(\w+) *:(.*)", line)
    if match:
        layer[match[2]] = int(match[1])
        allowed[match[2]] = set(match[3].split())

problems = []
for library, uses in allowed.items():
    for other in uses:
        if other not in layer:
            problems.append(f"src/layers.txt: {library} uses unknown library {other}")
        elif layer[other] > layer[library]:
            problems.append(f"src/layers.txt: {library} (layer {layer[library]}) uses {other} (layer {layer[other]})")

for path in sorted(root.glob("src/*/**/*")):
    if path.suffix not in (".h", ".cpp"):
        continue
    library = path.relative_to(root / "src").parts[0]
    if library not in allowed:
        problems.append(f"{path.relative_to(root)}: library {library} is not in src/layers.txt")
        continue
    if path.name.endswith("_test.cpp"):
        continue  # a test may look at its library from above
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'#include "(\w+)/', line)
        if not match or match[1] == library:
            continue
        where = f"{path.relative_to(root)}:{number}"
        if match[1] not in allowed:
            problems.append(f'{where}: "{match[1]}/" is no library')
        elif match[1] not in allowed[library]:
            problems.append(f"{where}: {library} may not use {match[1]} (src/layers.txt)")

print("\n".join(problems) or f"layers: {len(layer)} libraries, every include allowed")
sys.exit(bool(problems))
