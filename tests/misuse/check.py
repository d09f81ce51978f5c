#!/usr/bin/env python3
"""check: a misuse does not compile, and the compiler says why.

    check.py COMPILER INCLUDE FILE        with -DMISUSE it fails, in words that match the expression behind `// expect:`
    check.py COMPILER INCLUDE FILE...     without it all of them compile, each in a namespace of its own
"""

import re
import subprocess
import sys
from pathlib import Path


def compile_it(compiler, include, path, text, *options):
    command = [compiler, "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{include}", *options, "-xc++", "-"]
    done = subprocess.run(command, input=f'#line 1 "{path}"\n{text}', capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
    return done.returncode == 0, done.stderr


def check_one(compiler, include, path):
    text = path.read_text()
    expected = re.search(r"^// expect: (.*)$", text, re.MULTILINE).group(1)
    compiles, words = compile_it(compiler, include, path, text, "-DMISUSE")
    if compiles:
        return f"{path}: the misuse compiles"
    if not re.search(expected, words):
        return f"{path}: the compiler does not say: {expected}\n{words}"
    return ""


def check_together(compiler, include, paths):
    includes, bodies = set(), []
    for number, path in enumerate(paths):
        text = path.read_text()
        includes |= set(re.findall(r"^#include .*$", text, re.MULTILINE))
        text = re.sub(r"^#include .*$", "", text, flags=re.MULTILINE)
        bodies.append(f'namespace file_{number} {{\n#line 1 "{path}"\n{text}\n}}\n')
    compiles, words = compile_it(compiler, include, "all", "\n".join([*sorted(includes), *bodies]))
    return "" if compiles else f"does not compile without the misuse:\n{words}"


def main():
    compiler, include, *paths = sys.argv[1:]
    paths = [Path(p) for p in paths]
    fault = check_one(compiler, include, *paths) if len(paths) == 1 else check_together(compiler, include, paths)
    print(fault)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
