#!/usr/bin/env python3
"""tidy: the house rules that a program can check. Silent with status 0 when the tree keeps them.

    tools/tidy.py              check the tree that this file lies in
    tools/tidy.py DIRECTORY    check another tree
    tools/tidy.py --selftest   check that each rule finds what breaks it (tests/layering/bad_tree.txt)

Each fault is one line, `path:line: [rule] what is wrong`. The rules, and why they exist, are in docs/hacking.md;
the tables below are the part of them that changes with the tree.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

# The floors, lowest first. Folders of one floor may use those to their left.
FLOORS = [
    ["base"],
    ["platform"],
    ["sched"],
    ["park"],
    ["panic", "sync", "chan", "time", "context", "signal", "io", "file", "net", "tls", "http", "process", "report"],
    ["api"],
    ["hook"],
]
PLACE = {folder: (level, index) for level, row in enumerate(FLOORS) for index, folder in enumerate(row)}

# The headers through which a floor is entered from above park, or over another floor.
FRONT_DOORS = {
    "park": {"park.hpp", "waiter.hpp"},
    "sched": {"sched.hpp", "goroutine.hpp", "inspect.hpp", "sample.hpp", "timers.hpp", "poll_source.hpp", "watch.hpp",
              "stack_use.hpp", "lock_check.hpp", "stalls.hpp", "wait_note.hpp", "object_names.hpp"},
}

# The public headers that the cores of a folder implement. Cores may include these, those of the folders to their left,
# and anything in detail/.
IMPLEMENTS = {
    "panic": {"panic.hpp", "defer.hpp", "go.hpp"},  # go.hpp: goexit
    "sync": {"mutex.hpp", "shared_mutex.hpp", "condition_variable.hpp", "wait_group.hpp", "once.hpp",
             "semaphore.hpp", "pool.hpp"},
    "chan": {"chan.hpp", "select.hpp"},
    "time": {"time.hpp"},
    "report": {"runtime.hpp", "testing.hpp"},
    "context": {"context.hpp", "error_group.hpp", "task_group.hpp"},
    "signal": {"signal.hpp"},
    "io": {"fd.hpp", "error.hpp", "buffered.hpp"},
    "file": {"file.hpp"},
    "net": {"net.hpp"},
    "tls": {"tls.hpp"},
    "http": {"http.hpp", "http_message.hpp", "websocket.hpp"},
    "process": {"process.hpp"},
    "api": {"go.hpp", "fork_join.hpp", "runtime.hpp", "local.hpp", "object_name.hpp"},
    "hook": {"hook.hpp"},
}
FOR_ALL = {"config.hpp"}

STANDARD = set("""
    algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts condition_variable
    coroutine deque exception execution expected filesystem format forward_list fstream functional future generator
    initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map mdspan memory
    memory_resource mutex new numbers numeric optional ostream print queue random ranges ratio regex scoped_allocator
    semaphore set shared_mutex source_location span spanstream sstream stack stacktrace stdexcept stdfloat stop_token
    streambuf string string_view strstream syncstream system_error thread tuple type_traits typeindex typeinfo
    unordered_map unordered_set utility valarray variant vector version
    cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef cstdint cstdio
    cstdlib cstring ctime cuchar cwchar cwctype
""".split())

LINES_MAX = 600
NEAR = 5  # lines between a memory order and its reason
CODE = {".cpp", ".hpp", ".h", ".S", ".py", ".sh", ".go"}
PROSE = CODE | {".md", ".txt", ".json"}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ORDER = re.compile(r"\bmemory_order(_|::)(relaxed|acquire|release|acq_rel|seq_cst|consume)\b")
REASON = re.compile(r"pairs with|\b(relaxed|acquire|release|acq_rel|seq_cst|ordered)\b", re.IGNORECASE)
SEVERAL = re.compile(r"\b(relaxed|acquire|release|acq_rel|seq_cst),? \(?(both|all|each)\b")
ATOMIC_CALL = re.compile(r"(?:\.|->)(load\(\)|(?:fetch_(?:add|sub|or|and|xor)|compare_exchange_(?:weak|strong))\()")
FORBIDDEN = re.compile(r"\bstd::(mutex|recursive_mutex|timed_mutex|shared_mutex|condition_variable\w*)\b"
                       r"|\b(sleep_for|sleep_until)\s*\(|\b(thread_local|__thread)\b")
STD_SLEEP = re.compile(r"\bthis_thread\s*::\s*$")


class Source:
    """One C++ file: its lines, the code of each without comments and literals, and the comment of each."""

    def __init__(self, path, text):
        self.path = path
        self.lines = text.split("\n")
        self.code, self.comment = [], []
        in_block = False
        for line in self.lines:
            code, comment, i = "", "", 0
            while i < len(line):
                if in_block:
                    end = line.find("*/", i)
                    comment += line[i:] if end < 0 else line[i:end]
                    in_block = end < 0
                    i = len(line) if end < 0 else end + 2
                elif line.startswith("//", i):
                    comment += line[i + 2:]
                    break
                elif line.startswith("/*", i):
                    in_block, i = True, i + 2
                elif line[i] in "\"'" and not (line[i] == "'" and i > 0 and line[i - 1].isalnum()):
                    end = i + 1
                    while end < len(line) and line[end] != line[i]:
                        end += 2 if line[end] == "\\" else 1
                    code += line[i] * 2
                    i = end + 1
                else:
                    code += line[i]
                    i += 1
            self.code.append(code)
            self.comment.append(comment)

    def includes(self):
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)

    def statement(self, index):
        """Index of the line where the statement of line `index` begins."""
        while index > 0:
            before = self.code[index - 1].strip()
            if not before or before.endswith((";", "{", "}", ":")) or before.startswith("#"):
                break
            index -= 1
        return index

    def explained(self, index, order):
        """Is the ordering of line `index` explained: by a comment on its statement, just before it, or that these lines
        are the end of; by one further up in the function that names the order; or by one over a group of functions
        that says it speaks for all?"""
        first = self.statement(index)
        nearby = list(range(max(0, first - NEAR), index + 1))
        above = nearby[0] - 1
        if self.comment[nearby[0]] and not self.code[nearby[0]].strip():
            while above >= 0 and self.comment[above] and not self.code[above].strip():
                nearby.append(above)
                above -= 1
        if any(REASON.search(self.comment[i]) for i in nearby):
            return True
        outside = False
        for i in range(first, -1, -1):
            outside = outside or self.lines[i].startswith("}")
            if not self.lines[i].strip() and (outside or self.lines[i - 1].startswith("}")):
                return False
            if not outside and re.search(rf"\b{order}\b\s*[:,(]", self.comment[i]) or SEVERAL.search(self.comment[i]):
                return True
        return False


class Tidy:
    def __init__(self, root):
        self.root = Path(root)
        self.faults = []

    def fault(self, path, line, rule, text):
        self.faults.append(f"{path.relative_to(self.root)}:{line}: [{rule}] {text}")

    def files(self, folder, suffixes):
        base = self.root / folder
        return sorted(p for p in base.rglob("*") if p.suffix in suffixes and p.is_file()) if base.is_dir() else []

    def check(self):
        for path in self.files("src", {".cpp", ".hpp", ".S"}):
            self.check_internal(Source(path, path.read_text()), path.relative_to(self.root / "src").parts[0])
        for path in self.files("include", {".hpp"}):
            self.check_public(Source(path, path.read_text()))
        self.check_text()
        self.check_lists()
        self.check_links()
        return sorted(self.faults)

    # --- C++ ------------------------------------------------------------------------------------------------------

    def check_internal(self, source, folder):
        if folder not in PLACE:
            self.fault(source.path, 1, "floor", f"src/{folder} is no folder of a floor; tools/tidy.py lists them")
            return
        for number, mark, target in source.includes():
            if target.startswith("gossamer/"):
                self.check_seam(source, folder, number, target[len("gossamer/"):])
            elif mark == '"':
                self.check_direction(source, folder, number, target)
        self.check_source(source)
        self.check_atomics(source)
        if PLACE[folder] >= PLACE["park"]:
            self.check_forbidden(source)

    def check_direction(self, source, folder, number, target):
        there = target.split("/")[0]
        if there not in PLACE or not (self.root / "src" / target).is_file():
            self.fault(source.path, number, "include", f'"{target}" is not a file of src/; name it from src/ on')
            return
        if there == folder:
            return
        if PLACE[there] > PLACE[folder]:
            self.fault(source.path, number, "floor", f"{folder} includes {there}, which lies above it")
            return
        doors = FRONT_DOORS.get(there)
        skips = PLACE[folder][0] - PLACE[there][0] > 1 or PLACE[folder][0] > PLACE["park"][0]
        if doors and skips and target.split("/", 1)[1] not in doors:
            self.fault(source.path, number, "front-door",
                       f"{folder} enters {there} by {target}; from here only by {' '.join(sorted(doors))}")

    def check_seam(self, source, folder, number, header):
        here = PLACE[folder]
        allowed = FOR_ALL.union(*(headers for of, headers in IMPLEMENTS.items() if PLACE[of] <= here and folder in IMPLEMENTS))
        if not header.startswith("detail/") and header not in allowed:
            self.fault(source.path, number, "public",
                       f"{folder} includes gossamer/{header}, which neither it nor a folder to its left implements")

    def check_public(self, source):
        for number, mark, target in source.includes():
            if mark == "<" and target.startswith("gossamer/"):
                if not (self.root / "include" / target).is_file():
                    self.fault(source.path, number, "include", f"there is no public header <{target}>")
            elif mark == '"' or target not in STANDARD:
                self.fault(source.path, number, "public",
                           f"{target} is neither of the standard library nor <gossamer/...>; move it behind detail/")
        self.check_source(source)
        self.check_atomics(source)
        self.check_forbidden(source)

    def check_source(self, source):
        if not source.lines[0].startswith(("//", "#!")):
            self.fault(source.path, 1, "prose", "the file does not begin with a comment that says what it is for")
        if source.path.suffix == ".hpp" and not any(line.strip() == "#pragma once" for line in source.lines):
            self.fault(source.path, 1, "once", "the header lacks #pragma once")

    def check_atomics(self, source):
        for index, code in enumerate(source.code):
            orders = ORDER.findall(code)
            if not all(source.explained(index, order) for _, order in orders):
                self.fault(source.path, index + 1, "ordering",
                           "no reason for this memory order: say `pairs with: ...` or `relaxed: why` beside or above it")
            call = ATOMIC_CALL.search(code)
            if call and not call.group(1).startswith("load"):
                rest = " ".join(source.code[index:index + 5]).split(";")[0]
                if not ORDER.search(rest) and "order" not in rest:
                    self.fault(source.path, index + 1, "ordering", f"{call.group(1)}...) does not spell its memory order")
            elif call:
                self.fault(source.path, index + 1, "ordering", "load() does not spell its memory order")

    def check_forbidden(self, source):
        for index, code in enumerate(source.code):
            match = FORBIDDEN.search(code)
            if not match:
                continue
            if match.group(2) and not STD_SLEEP.search(code[:match.start()]):
                continue  # sleep_until is ours too
            self.fault(source.path, index + 1, "thread",
                       f"{match.group(0).rstrip('(')} above sched would block or follow the thread, not the goroutine")

    # --- all text -------------------------------------------------------------------------------------------------

    def check_text(self):
        for path in self.tree():
            text = path.read_text(errors="replace")
            for number, line in enumerate(text.split("\n"), 1):
                if UNFINISHED.search(line):
                    self.fault(path, number, "unfinished", "finish it or file an issue: " + line.strip())
            length = text.count("\n")
            if path.suffix in CODE and length > LINES_MAX:
                self.fault(path, length, "length", f"{length} lines; from {LINES_MAX} on a file wants to be two")

    def tree(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in {".git", "build", "__pycache__", ".cache"})
            for name in sorted(names):
                path = Path(folder) / name
                if path.suffix in PROSE or name in {"gos", "run"}:
                    yield path

    # --- lists in the build files, links in the docs ----------------------------------------------------------------

    def check_lists(self):
        """Nothing is globbed, so nothing may be forgotten."""
        lists = [
            ("src", {".cpp", ".S"}, "src/CMakeLists.txt", lambda p: p.relative_to(self.root / "src").as_posix()),
            ("include/gossamer", {".hpp"}, "tests/headers/CMakeLists.txt",
             lambda p: p.relative_to(self.root / "include/gossamer").as_posix()),
            ("examples", {".cpp"}, "examples/CMakeLists.txt", lambda p: f"gos_example({p.stem}"),
            ("tests", {".cpp"}, "tests/CMakeLists.txt", lambda p: p.relative_to(self.root / "tests").as_posix()),
        ]
        for folder, suffixes, listing, entry in lists:
            listing = self.root / listing
            text = listing.read_text() if listing.is_file() else ""
            words = set(re.sub(r"#.*", "", text).replace(")", " ").split())
            words |= {w.split("(")[-1] for w in words}
            for path in self.files(folder, suffixes):
                if entry(path) not in words:
                    self.fault(path, 1, "listed", f"not named in {listing.relative_to(self.root)}")

    def check_links(self):
        for path in self.files(".", {".md"}):
            if "build" in path.relative_to(self.root).parts:
                continue
            for number, line in enumerate(path.read_text().split("\n"), 1):
                for target in re.findall(r"\]\(([^)\s]+)\)", line):
                    target = target.split("#")[0]
                    if target and "://" not in target and not (path.parent / target).exists():
                        self.fault(path, number, "link", f"there is no {target}")


def selftest(bad_tree):
    """Lays out the tree of `bad_tree` and demands exactly the faults that its lines announce with `fault: rule`."""
    expected, found = set(), set()
    with tempfile.TemporaryDirectory() as folder:
        current = None
        for line in bad_tree.read_text().split("\n"):
            if line.startswith("=== "):
                current = Path(folder) / line[4:].strip()
                current.parent.mkdir(parents=True, exist_ok=True)
                current.write_text("")
                number = 0
                continue
            if current is None:
                continue
            number += 1
            line = line.replace("@UNFINISHED@", "TO" + "DO")
            if line == "@LONG@":
                line = "\n" * (LINES_MAX + 1)
            marked = re.search(r"(?://|#)? *fault: ([a-z-]+)\s*$", line)
            if marked:
                expected.add((current.relative_to(folder).as_posix(), number, marked.group(1)))
                line = line[:marked.start()].rstrip()
            with current.open("a") as out:
                out.write(line + "\n")
        for fault in Tidy(folder).check():
            path, number, rest = fault.split(":", 2)
            rule = re.search(r"\[([a-z-]+)\]", rest).group(1)
            found.add((path, 1 if rule == "length" else int(number), rule))
    for missed in sorted(expected - found):
        print("selftest: not found:", *missed)
    for extra in sorted(found - expected):
        print("selftest: found without reason:", *extra)
    return 0 if expected == found and expected else 1


def main():
    home = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--selftest"]:
        return selftest(home / "tests/layering/bad_tree.txt")
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else home
    if not (root / "src").is_dir():
        print(f"tidy: {root} has no src/; name the root of a gossamer tree")
        return 2
    faults = Tidy(root).check()
    for fault in faults:
        print(fault)
    if faults:
        print(f"tidy: {len(faults)} faults; docs/hacking.md explains the rules")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
