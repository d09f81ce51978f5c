#!/usr/bin/env python3
"""contract: the table of the promises and the tests that show them, docs/contract.md.

    tools/contract.py              write docs/contract.md
    tools/contract.py --check      silent with status 0 when each promise has a test or a reason, and the table is current
    tools/contract.py --selftest   check that each fault is found (tests/layering/bad_contract.txt)

The promises are in tests/conformance/statements.txt, whose head says how it is written. A test quotes the promises that it
shows at the beginning of its name: TEST(PD, PD_10_PD_11_goexit_and_panic).
"""

import re
import sys
import tempfile
from pathlib import Path

# The sections in which every promise has a test or a reason. The others are listed, as `not yet` where they lack both.
COMPLETE = "SP SC CH SE CL NI TM MU RW WG ON CO PO MP CX EG SM SF PD CR DL RT MM".split()

STATEMENTS = "tests/conformance/statements.txt"
TABLE = "docs/contract.md"
FIELDS = ["go", "difference", "not a promise", "open"]

TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
QUOTED = re.compile(r"([A-Z]{2})_(\d\d)(?=_|$)")
HEAD = """\
# The contract

What gossamer promises, statement by statement, and the tests that show it. The statements are Go 1.26's behaviour; what is
marked C++ is what C++ must do otherwise or promises in addition. Written by `tools/contract.py` from
[statements.txt](../tests/conformance/statements.txt) and the names of the tests; do not edit.

- *tested*: the tests named show it, with 1, 2, 4 and 8 processors, and with 4 under the sanitizers.
- *C++ difference*: where gossamer differs from Go, or C++ from what Go has, and why.
- *not a promise*: what Go itself refuses to guarantee. No test may depend on it.
- *not yet*: what is not there or has no test of its own.
"""


class Statement:
    def __init__(self, line, name, cpp):
        self.line, self.name, self.cpp = line, name, cpp
        self.text = ""
        self.fields = {}
        self.tests = []  # (file, test)

    def excused(self):
        return "not a promise" in self.fields or "open" in self.fields


class Contract:
    def __init__(self, root):
        self.root = Path(root)
        self.faults = []
        self.sections = []  # (title, [Statement])
        self.by_name = {}

    def fault(self, path, line, text):
        self.faults.append(f"{path}:{line}: {text}")

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self):
        self.read_statements()
        self.read_tests()

    def read_statements(self):
        """A statement is `ID text` or `ID [C++] text`, a field `  name: text`; deeper lines go on with the line before."""
        parts = None  # of what the next continuation line belongs to
        statement = None
        for number, line in enumerate((self.root / STATEMENTS).read_text().split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            begun = re.fullmatch(r"([A-Z]{2}-\d\d)( \[C\+\+\])? (\S.*)", line)
            field = re.fullmatch(r"  (" + "|".join(FIELDS) + r"): (\S.*)", line)
            if line.startswith("== "):
                self.sections.append((line[3:].strip(), []))
                statement = parts = None
            elif begun and self.sections:
                name = begun.group(1)
                if name in self.by_name:
                    self.fault(STATEMENTS, number, f"{name} is there twice")
                statement = Statement(number, name, bool(begun.group(2)))
                self.by_name.setdefault(name, statement)
                self.sections[-1][1].append(statement)
                parts = [begun.group(3)]
                statement.text = parts
            elif field and statement:
                parts = [field.group(2)]
                statement.fields[field.group(1)] = parts
            elif line.startswith("    ") and parts:
                parts.append(line.strip())
            else:
                self.fault(STATEMENTS, number, f"neither a section, a statement nor one of its fields: {line}")
        for statement in (statement for _, statements in self.sections for statement in statements):
            statement.text = " ".join(statement.text)
            statement.fields = {name: " ".join(words) for name, words in statement.fields.items()}

    def read_tests(self):
        for path in sorted((self.root / "tests").rglob("*.cpp")):
            text = path.read_text()
            for match in TEST.finditer(text):
                name = match.group(2)
                for section, number in self.quoted(name):
                    statement = self.by_name.get(f"{section}-{number}")
                    where = path.relative_to(self.root).as_posix()
                    if statement:
                        statement.tests.append((where, f"{match.group(1)}.{name}"))
                    else:
                        line = text.count("\n", 0, match.start()) + 1
                        self.fault(where, line, f"{match.group(1)}.{name} names {section}-{number}, "
                                                f"which {STATEMENTS} does not have")

    @staticmethod
    def quoted(name):
        """The promises that a test's name begins with."""
        found = []
        while match := QUOTED.match(name):
            found.append(match.groups())
            name = name[match.end() + 1:]
        return found

    # --- judging ----------------------------------------------------------------------------------------------------

    def check(self):
        for statement in self.by_name.values():
            name, line = statement.name, statement.line
            if statement.cpp and "difference" not in statement.fields:
                self.fault(STATEMENTS, line, f"{name} is marked [C++] and does not say why: `difference: ...`")
            if "not a promise" in statement.fields and "open" in statement.fields:
                self.fault(STATEMENTS, line, f"{name} is no promise, so nothing of it can be open")
            if name[:2] in COMPLETE and not statement.tests and not statement.excused():
                self.fault(STATEMENTS, line, f"{name} has neither a test nor a reason: write TEST({name[:2]}, "
                                             f"{name.replace('-', '_')}_...), or say why there is none")
        table = self.root / TABLE
        if not table.is_file() or table.read_text() != self.table():
            self.fault(TABLE, 1, "is not what tools/contract.py makes of the statements and tests: run it")
        return sorted(self.faults)

    # --- writing ----------------------------------------------------------------------------------------------------

    def table(self):
        out = [HEAD]
        for title, statements in self.sections:
            out.append(f"## {title}\n")
            out.append("| ID | statement | tests | status |\n| --- | --- | --- | --- |")
            out += [f"| {s.name} | {self.statement_cell(s)} | {self.test_cell(s)} | {self.status_cell(s)} |" for s in statements]
            out.append("")
        return "\n".join(out)

    @staticmethod
    def escaped(text):
        return text.replace("|", "\\|")

    def statement_cell(self, statement):
        files = " ".join(f"`{name}`" for name in statement.fields.get("go", "").split())
        return self.escaped(("**C++** " if statement.cpp else "") + statement.text + (f" (Go: {files})" if files else ""))

    def test_cell(self, statement):
        by_file = {}
        for path, test in statement.tests:
            by_file.setdefault(path, []).append(test)
        return "<br>".join(f"[{path.removeprefix('tests/')}](../{path}): " + ", ".join(f"`{test}`" for test in tests)
                           for path, tests in by_file.items())

    def status_cell(self, statement):
        parts = ["tested"] if statement.tests else []
        for field, says in [("difference", "C++ difference"), ("not a promise", "not a promise"), ("open", "not yet")]:
            if field in statement.fields:
                parts.append(f"{says}: {statement.fields[field]}")
        if not statement.tests and not statement.excused():
            parts.append("not yet: no test")
        return self.escaped("; ".join(parts))


def load(root):
    contract = Contract(root)
    contract.read()
    return contract


def selftest(bad_tree):
    """Lays out the tree of `bad_tree` and demands exactly the faults that it lists; all but that of the table's age remain
    when the table has been written."""
    expected = []
    with tempfile.TemporaryDirectory() as folder:
        lines = None
        for line in bad_tree.read_text().split("\n"):
            if line == "=== faults":
                lines = expected
            elif line.startswith("=== "):
                path = Path(folder) / line[4:]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("")
                lines = path
            elif lines is expected and line:
                expected.append(line)
            elif isinstance(lines, Path):
                lines.write_text(lines.read_text() + line + "\n")
        found = load(folder).check()
        (Path(folder) / TABLE).write_text(load(folder).table())
        again = load(folder).check()
    for missed in sorted(set(expected) - set(found)):
        print("selftest: not found:", missed)
    for extra in sorted(set(found) - set(expected)):
        print("selftest: found without reason:", extra)
    if again != [fault for fault in found if not fault.startswith(TABLE)]:
        print("selftest: after the table has been written:", *again, sep="\n  ")
        return 1
    return 0 if expected and sorted(expected) == found else 1


def main():
    home = Path(__file__).resolve().parent.parent
    arguments = sys.argv[1:]
    if arguments == ["--selftest"]:
        return selftest(home / "tests/layering/bad_contract.txt")
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    contract = load(home)
    if not arguments:
        (home / TABLE).write_text(contract.table())
        return 0
    faults = contract.check()
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
