#!/usr/bin/env python3
"""check: a misuse does not compile, and the compiler says why.

    check.py COMPILER INCLUDE PRELUDE              precompiles PRELUDE, a header that includes what the files do
    check.py COMPILER INCLUDE PRELUDE FILE         with -DMISUSE it fails, in words that match the expression behind `// expect:`
    check.py COMPILER INCLUDE PRELUDE FILE...      without it all of them compile, each in a namespace of its own
"""

import re
import subprocess
import sys
from pathlib import Path


OPTIONS = ["-std=c++23", "-Wall", "-Wextra", "-Werror"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def precompile(compiler, include, prelude):
    done = subprocess.run([compiler, *OPTIONS, f"-I{include}", "-xc++-header", prelude, "-o", f"{prelude}.gch"],
                          capture_output=True, text=True, env=ENVIRONMENT)
    return done.stderr


def compile_it(compiler, include, prelude, path, text, *options):
    command = [compiler, *OPTIONS, "-fsyntax-only", f"-I{include}", "-include", prelude, *options, "-xc++", "-"]
    done = subprocess.run(command, input=f'#line 1 "{path}"\n{text}', capture_output=True, text=True, env=ENVIRONMENT)
    return done.returncode == 0, done.stderr


def check_one(compiler, include, prelude, path):
    text = path.read_text()
    expected = re.search(r"^// expect: (.*)$", text, re.MULTILINE).group(1)
    compiles, words = compile_it(compiler, include, prelude, path, text, "-DMISUSE")
    if compiles:
        return f"{path}: the misuse compiles"
    if not re.search(expected, words):
        return f"{path}: the compiler does not say: {expected}\n{words}"
    return ""


def check_together(compiler, include, prelude, paths):
    includes, bodies = set(), []
    for number, path in enumerate(paths):
        text = path.read_text()
        includes |= set(re.findall(r"^#include .*$", text, re.MULTILINE))
        text = re.sub(r"^#include .*$", "", text, flags=re.MULTILINE)
        bodies.append(f'namespace file_{number} {{\n#line 1 "{path}"\n{text}\n}}\n')
    compiles, words = compile_it(compiler, include, prelude, "all", "\n".join([*sorted(includes), *bodies]))
    return "" if compiles else f"does not compile without the misuse:\n{words}"


def main():
    compiler, include, prelude, *paths = sys.argv[1:]
    paths = [Path(p) for p in paths]
    if not paths:
        fault = precompile(compiler, include, prelude)
    elif len(paths) == 1:
        fault = check_one(compiler, include, prelude, *paths)
    else:
        fault = check_together(compiler, include, prelude, paths)
    print(fault)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
