#!/usr/bin/env python3
"""examples: the C++ of the documentation is compiled.

    tools/examples.py OUTPUT.cpp       writes every example into one translation unit
    tools/examples.py --list           names them

Examples are the ```cpp blocks of README.md and docs/*.md, and the indented lines in the comment at the top of each public
header. Each becomes a function body in a namespace of its own; one that defines functions, classes or main stays at namespace
scope. Errors are reported at the lines of the document, by #line.

What an example takes for given is declared in Markdown in a comment before the block, which readers do not see:

    <!-- given: struct job { int id; }; void work(job); -->

and for a header in tests/examples/<header>, at namespace scope. `<!-- not compiled: why -->` leaves a block out.
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STANDARD = """any atomic chrono csignal cstdio exception expected functional iostream iterator memory mutex numeric optional ranges
              shared_mutex span stdexcept string string_view system_error thread utility vector""".split()
GIVEN = re.compile(r"<!-- given:(.*?)-->", re.DOTALL)
LEFT_OUT = re.compile(r"<!-- not compiled:.*?-->", re.DOTALL)
# A definition at namespace scope: a type, or a function whose body begins on this line.
OUTSIDE = re.compile(r"^(struct|class|template|namespace|enum|static|inline|TEST)\b|^[\w:<>,*& ]+ \w+\([^()]*\) \{", re.MULTILINE)


class Example:
    def __init__(self, path, line, code, given=""):
        self.path, self.line, self.code, self.given = path, line, code, given

    def place(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    def text(self, number):
        code = re.sub(r"^#include.*$", "", self.code, flags=re.MULTILINE)  # at the top of the unit
        code = re.sub(r"\bint main\(", "int example_main(", code)
        if not OUTSIDE.search(code):
            # auto: an example may return something. Its unused names are no fault.
            code = f"[[maybe_unused]] auto example() {{\n#line {self.line} \"{self.path}\"\n{code}\n}}"
        return (f"namespace example_{number} {{\n{self.given}\n#line {self.line} \"{self.path}\"\n{code}\n}}\n")


def in_markdown(path):
    lines = path.read_text().split("\n")
    i = 0
    while i < len(lines):
        if lines[i].strip() != "```cpp":
            i += 1
            continue
        end = next(k for k in range(i + 1, len(lines)) if lines[k].strip() == "```")
        before = []  # the comments right above the block
        k = i - 1
        while k >= 0 and (lines[k].strip() or not before) and not lines[k].strip().startswith("```"):
            before.insert(0, lines[k])
            if lines[k].startswith("<!--"):
                break
            k -= 1
        comment = "\n".join(before)
        comment = comment if comment.startswith("<!--") and comment.rstrip().endswith("-->") else ""
        if not LEFT_OUT.search(comment):
            given = GIVEN.search(comment)
            yield Example(path, i + 2, "\n".join(lines[i + 1:end]), given.group(1) if given else "")
        i = end + 1


def in_header(path):
    preamble = ROOT / "tests/examples" / path.name
    given = preamble.read_text().split("\n", 1)[1] if preamble.is_file() else ""
    block, start = [], 0
    for number, line in enumerate(path.read_text().split("\n"), 1):
        inside = line.startswith("//   ")
        if inside and not block:
            start = number
        if inside or (block and line.strip() == "//"):
            block.append(line[2:])
            continue
        if "".join(block).strip():
            yield Example(path, start, textwrap.dedent("\n".join(block)), given)
        block = []
        if not line.startswith("//"):
            return


def examples():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        yield from in_markdown(path)
    for path in sorted((ROOT / "include/gossamer").glob("*.hpp")):
        yield from in_header(path)


def unit():
    headers = sorted(p.name for p in (ROOT / "include/gossamer").glob("*.hpp"))
    yield "// Made by tools/examples.py.\n"
    yield "".join(f"#include <{name}>\n" for name in STANDARD)
    yield "#define ADD_FAILURE() std::cerr\n"  # stands for GoogleTest, of which testing.hpp knows by this
    yield "".join(f"#include <gossamer/{name}>\n" for name in headers)
    yield "using namespace std::chrono_literals;\n"
    for number, example in enumerate(examples()):
        yield example.text(number)


def main():
    if sys.argv[1:] == ["--list"]:
        for example in examples():
            print(example.place())
        return 0
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    Path(sys.argv[1]).write_text("".join(unit()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
