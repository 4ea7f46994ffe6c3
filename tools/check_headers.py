#!/usr/bin/env python3
"""House rules that a pattern can see: heavy includes in headers, banned calls, missing #pragma once or file comment."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
HEAVY = re.compile(r"#include <(nlohmann/|CLI/|boost/|nghttp2/|spdlog/|fmt/|google/protobuf/|re2/|archive|gtest)")
# Pattern, reason, folders (below src/) where it is right.
BANNED = [
    (re.compile(r"#include <iostream>"), "iostream costs start-up time and locale", ()),
    (re.compile(r"\bstd::regex\b"), "std::regex is slow and recursive; use RE2", ()),
    (re.compile(r"\.detach\(\);.*std::thread|std::thread\b.*\.detach"), "no detached threads", ()),
    (re.compile(r"(?:^|[;{}(=!]|return)\s*(std::|::)?(system|popen)\("), "spawn programs through base/process.h", ()),
    (re.compile(r"sleep_for|(?<![\w.])(usleep|nanosleep)\(|::sleep\("), "sleep only in base/clock", ("base/clock.cpp",)),
    (re.compile(r"\b(secure_)?getenv\("), "the environment is read in app/ only", ("app/",)),
    (re.compile(r"(?<!\w)(std::)?(printf|puts)\("), "libraries never print", ("cli/", "app/")),
    (re.compile(r"std::(mutex|condition_variable|lock_guard|unique_lock)\b"), "no mutex outside base", ("base/",)),
]

# Headers that another library includes: what they include, everybody compiles.
public = set()
for path in root.glob("src/**/*"):
    if path.suffix in (".h", ".cpp"):
        own = path.relative_to(root / "src").parts[0]
        public |= {name for name in re.findall(r'#include "([^"]+)"', path.read_text()) if not name.startswith(own + "/")}

problems = []
for path in sorted(root.glob("src/**/*")):
    if path.suffix not in (".h", ".cpp"):
        continue
    name = str(path.relative_to(root / "src"))
    test = name.endswith("_test.cpp") or "/testing/" in name
    text = path.read_text()
    lines = text.splitlines()
    if path.suffix == ".h":
        if "#pragma once" not in text:
            problems.append(f"src/{name}: no #pragma once")
        if not lines or not lines[0].startswith("//"):
            problems.append(f"src/{name}: a header begins by saying what it is")
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        if path.suffix == ".h" and name in public and not test and HEAVY.search(code):
            problems.append(f"src/{name}:{number}: heavy include in a header: {code.strip()}")
        for pattern, reason, places in BANNED:
            if pattern.search(code) and not test and not any(name.startswith(p) for p in places):
                problems.append(f"src/{name}:{number}: {reason}: {code.strip()}")

print("\n".join(problems) or "headers: house rules kept")
sys.exit(bool(problems))
