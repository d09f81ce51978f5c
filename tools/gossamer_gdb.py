"""gossamer_gdb: goroutines in gdb, of a live process and of a core file.

    (gdb) source tools/gossamer_gdb.py
    (gdb) info goroutines [FILTER]         one line each; FILTER: some text of the line, or a regular expression
    (gdb) goroutine 7 bt                   the stack of goroutine 7; any command of gdb's may stand for bt
    (gdb) goroutine 7,12-20 info locals
    (gdb) goroutine all bt [-nofold]       all stacks, equal ones once
    (gdb) print $goroutine(7)              the address of its record

Reads what it needs from the program's debug table (src/sched/debug_table.hpp), so it needs no debug information of the library;
function names come from the program's symbols, lines from its debug information, as far as it has them. It writes nothing into
the program, and no register: docs/debugging_with_gdb.md says how it works. gossamer_gdb_records.py must lie beside it.

Works with the gdb and the Python of Debian 12 (13.1, 3.11) and later ones. Processors: x86-64, aarch64.
"""

import bisect
import contextlib
import importlib
import operator
import os
import re
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gossamer_gdb_records

importlib.reload(gossamer_gdb_records)  # this file may be loaded again, after a change
from gossamer_gdb_records import (ERRORS, FRAMES_MAX, KEY_BYTES_MAX, LOCKED, Snapshot, at_context, id_ranges, kept_selection,
                                  read)

# Commands that let the program run: a goroutine that waits cannot be stepped.
RESUMING = set("""
    r run start starti c fg continue s step si stepi n next ni nexti u until advance fin finish j jump k kill detach signal
    ret return call rs rsi rn rni rc reverse-step reverse-stepi reverse-next reverse-nexti reverse-continue reverse-finish
""".split())

LIBRARY_NAME = re.compile(r"^(gos::|std::|__gnu_cxx::|gos_|_ZN3gos)")  # what assembly defines is shown mangled
RUNTIME_NAMES = ("gos::rt::", "_ZN3gos2rt")
WRAPPER = re.compile(r"^(void )?gos::(detail::run_and_destroy|run)<")
LIBRARY_FILE = re.compile(r"(^|/)(gossamer/(detail/)?\w+\.hpp|include/c\+\+/.*)$")
SYSTEM_LIBRARY = re.compile(r"/(libc|libm|libpthread|libgcc_s|libstdc\+\+|ld-linux[\w-]*)[.-][^/]*$")
SHAPES_MAX = 16  # stacks left at the same place that are compared one by one
WRITE_AT_ONCE = 1000
BACKTRACE = re.compile(r"(bt|backtrace|where)\b(.*?)(\s\d+)?$")


# --- from a goroutine's place ----------------------------------------------------------------------------------------

def execute_at(frame, command):
    """Executes a command of gdb's in the selected frame. A backtrace begins there: what is above is the thread's own."""
    first = frame.level()
    match = BACKTRACE.match(command)
    if first == 0 or match is None:
        gdb.execute(command)
        return
    count = f" {int(match.group(3)) + first}" if match.group(3) else ""
    text = gdb.execute(match.group(1) + match.group(2) + count, to_string=True)
    begin = re.search(rf"^#{first}\s", text, re.MULTILINE)
    gdb.write(text[begin.start():] if begin else text)


@contextlib.contextmanager
def at_goroutine(g):
    if g.thread is not None:
        with kept_selection():
            g.thread.switch()
            frame = gdb.newest_frame()
            frame.select()
            yield frame
        return
    obstacle = why_no_stack(g)
    if obstacle:
        raise gdb.GdbError(f"goroutine {g.id} {obstacle}.")
    with at_context(g.sp, g.fp, g.pc) as frame:
        yield frame


def why_no_stack(g):
    if g.fresh():
        return f"has never run and has no stack yet; it will run {body_text(g)}"
    if not g.stack_base or not g.stack_base < g.sp <= g.stack_top():
        return "is just beginning or ending: it has no stack"
    try:
        words = bytes(read(g.sp, min(512, g.stack_top() - g.sp)))
    except gdb.MemoryError:
        words = b""
    if not any(words):
        return "has a stack that is not in this core file (see docs/debugging_with_gdb.md, Core files)"
    return None


# --- names -----------------------------------------------------------------------------------------------------------

def frame_name(frame):
    name = frame.name()
    if name in ("operator()", "_FUN"):
        # Debug information knows lambdas by no other name; the symbol says whose, unless it was inlined.
        if frame.type() == gdb.INLINE_FRAME:
            return "lambda"
        name = symbol_at(frame.pc() - 1) or name
    return name


def symbol_at(address, exact=False):
    match = re.match(r"(.*?)( \+ \d+)? in section ", gdb.execute(f"info symbol {address}", to_string=True))
    return match.group(1) if match and not (exact and match.group(2)) else None


def is_library(frame, name):
    """Is it gossamer's, the standard library's or the system's?"""
    if LIBRARY_NAME.match(re.sub(r"^\w+ (?=gos::)", "", name)):
        return True
    symtab = frame.find_sal().symtab
    if symtab is not None and LIBRARY_FILE.search(symtab.filename):
        return True
    return SYSTEM_LIBRARY.search(gdb.solib_name(frame.pc()) or "") is not None


def place_text(frame):
    name = frame_name(frame)
    sal = frame.find_sal()
    if name and WRAPPER.match(name):
        return callable_in(name)  # everything of the user's was inlined into it
    if sal.symtab is not None and sal.line:
        return f"{name or '??'} at {sal.symtab.filename}:{sal.line}"
    return name if name else f"0x{frame.pc():x} in ??"


def user_place(frame):
    """The innermost function that is not the library's. Without one: what the goroutine was started with."""
    first, outermost = frame, None
    for _ in range(FRAMES_MAX):
        if frame is None or not frame.pc():
            break
        name = frame.name()
        if name is not None and "gos::rt::run_goroutine_body" in name:
            break
        if name is not None and not is_library(frame, name):
            return place_text(frame)
        if name is not None:
            outermost = place_text(frame)
            if WRAPPER.match(name):
                break
        try:
            frame = frame.older()
        except ERRORS:
            break
    return outermost or place_text(first)


def callable_in(name):
    """Of `... gos::detail::bound_call<X, ...> ...`, the library's wrapper of a callable X: X."""
    match = re.search(r"gos::(?:detail::bound_call|detail::joined_call|run)<", name)
    if not match:
        return name
    arguments, depth, begin = [], 0, match.end()
    for at in range(begin, len(name)):
        if depth == 0 and name[at] in ",>":
            arguments.append(name[begin:at].strip())
            begin = at + 1
            if name[at] == ">":
                break
        elif name[at] in "<({[":
            depth += 1
        elif name[at] in ">)}]":
            depth -= 1
    which = 1 if "joined_call" in match.group() else 0  # a joined call's result comes first
    return arguments[which] if which < len(arguments) else name


def body_text(g):
    """What a goroutine that has never run was started with, as far as symbols tell."""
    name = symbol_at(g.body) if g.body else None
    if name is None:
        return f"the function at 0x{g.body:x}"
    what = callable_in(name)
    if "(*)" in what or "(&)" in what:
        with contextlib.suppress(*ERRORS):
            for word in struct.unpack("<2Q", read(g.closure, 16)):
                function = symbol_at(word, exact=True)
                if function:
                    return function
    return what


class Shape:
    """The words of a stack that may be return addresses, or point into it; these by their distance."""

    def __init__(self, words, sp, base, top, code_pages):
        self.code_at = [i for i, w in enumerate(words) if w >> 12 in code_pages] or [len(words) - 1]
        self.stack_at = [i for i, w in enumerate(words) if base <= w < top]
        self.stack = [words[i] - sp for i in self.stack_at]
        self.code_of = operator.itemgetter(*self.code_at)
        self.code = self.code_of(words)

    def fits(self, words, sp):
        try:
            return self.code_of(words) == self.code and [words[i] - sp for i in self.stack_at] == self.stack
        except IndexError:
            return False

    def exact(self):
        return tuple(self.code_at), self.code, tuple(self.stack_at), tuple(self.stack)


class Places:
    """Names of places in the program's text, each looked up once."""

    def __init__(self, table):
        self.code_pages = table.code_pages
        self.spawned, self.bodies, self.users, self.shapes = {}, {}, {}, {}

    def spawn(self, g):
        if not g.spawn_pc:
            return ""
        if g.spawn_pc not in self.spawned:
            self.spawned[g.spawn_pc] = self.name_return_address(g.spawn_pc)
        return f"created by {self.spawned[g.spawn_pc]} in goroutine {g.parent_id}"

    @staticmethod
    def name_return_address(pc):
        # A frame there, on no stack, makes gdb say which inlined functions the place is in.
        try:
            with at_context(0x1000, 0x1000, pc) as frame:
                while frame.type() == gdb.INLINE_FRAME and is_library(frame, frame.name() or ""):
                    frame = frame.older()
                return place_text(frame)
        except ERRORS:
            return symbol_at(pc - 1) or f"0x{pc:x}"

    def user(self, g):
        if g.fresh():
            if g.body not in self.bodies:
                self.bodies[g.body] = body_text(g)
            return f"(has not run yet) {self.bodies[g.body]}"
        key = self.stack_key(g)
        if key not in self.users:
            try:
                with at_goroutine(g) as frame:
                    self.users[key] = user_place(frame)
            except ERRORS as e:
                self.users[key] = f"({str(e).rstrip('.')})"
        return self.users[key]

    def stack_key(self, g):
        """Goroutines with equal keys have equal stacks of frames: unwinding follows return addresses and saved frame pointers
        only. So a stack is like one that is known if it has the same words wherever that one has what may be such."""
        sp, base = g.sp, g.stack_base
        top = base + (1 << g.stack_class)
        size = top - sp
        if g.thread is not None or not base or not 0 < size <= KEY_BYTES_MAX:
            return g.id
        try:
            words = memoryview(gdb.selected_inferior().read_memory(sp, size & ~7)).cast("B").cast("Q")
        except gdb.MemoryError:
            return g.id
        alike = g.pc, g.fp - sp if base <= g.fp < top else None
        known = self.shapes.setdefault(alike, [])
        for shape in known:
            if shape.fits(words, sp):
                return shape
        shape = Shape(words, sp, base, top, self.code_pages)
        if len(known) == SHAPES_MAX:
            return alike, shape.exact()
        known.append(shape)
        return shape


# --- commands --------------------------------------------------------------------------------------------------------

class InfoGoroutines(gdb.Command):
    """List goroutines: info goroutines [FILTER]

One line each: * if it is on a thread, its id, its name, what it does or waits for and since when, the innermost
function that is not gossamer's own, and the statement that started it.
FILTER shows only lines that contain this text, or match it as a regular expression."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        wanted = line_filter(argument.strip())
        snapshot = Snapshot()
        places = Places(snapshot.table)
        shown = [line for line in (self.line(snapshot, places, g) for g in sorted(snapshot.goroutines, key=lambda g: g.id))
                 if wanted(line)]
        for first in range(0, len(shown), WRITE_AT_ONCE):
            gdb.write("\n".join(shown[first:first + WRITE_AT_ONCE]) + "\n")
        if not shown:
            gdb.write("No goroutines.\n" if not argument.strip() else "No goroutines match.\n")

    @staticmethod
    def line(snapshot, places, g):
        state = ", ".join(t for t in (snapshot.state_text(g), snapshot.since_text(g)) if t)
        if g.flags & LOCKED:
            state += ", locked"
        name = f'"{g.name}" ' if g.name else ""
        spawned = places.spawn(g)
        return (f"{'*' if g.thread is not None else ' '} {g.id:<5} {state:<20} {name}{places.user(g)}"
                + (f", {spawned}" if spawned else ""))


def line_filter(text):
    if not text:
        return lambda line: True
    try:
        pattern = re.compile(text)
    except re.error:
        return lambda line: text in line
    return lambda line: text in line or pattern.search(line) is not None


class GoroutineCommand(gdb.Command):
    """Look from a goroutine: goroutine IDS COMMAND, goroutine all bt [-nofold]

goroutine 7 bt            its stack; also with bt's own arguments
goroutine 7 frame 2       any command of gdb's that does not let the program run
goroutine 7,12-20 bt      several
goroutine all bt          every stack, equal ones once; each on its own with -nofold
goroutine 7               what it does
goroutine                 which one the selected thread runs
Frames of a goroutine that is on no thread are numbered from 1: #0 is the thread that gdb looks from."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        words = re.match(r"\s*(all|\d+(?:\s*-\s*\d+)?(?:\s*,\s*\d+(?:\s*-\s*\d+)?)*)?\s*(.*?)\s*$", argument)
        ids, command = words.group(1), words.group(2)
        if ids is None and command:
            raise gdb.GdbError("goroutine: give the number of a goroutine, or all, and a command: goroutine 7 bt")
        if command and re.match(r"[\w-]+", command) and re.match(r"[\w-]+", command).group() in RESUMING:
            raise gdb.GdbError("A goroutine cannot be resumed by itself: set a breakpoint and continue the program.")
        snapshot = Snapshot()
        chosen = self.chosen(snapshot, ids)
        fold = ids == "all" and re.match(r"(bt|backtrace|where)\b(?!.* -nofold\b)", command) is not None
        command = re.sub(r" -nofold\b", "", command)
        if fold:
            folded_backtraces(snapshot, chosen, command)
            return
        places = Places(snapshot.table)
        for number, g in enumerate(chosen):
            if number:
                gdb.write("\n")
            self.execute(snapshot, places, g, command, alone=len(chosen) == 1)

    @staticmethod
    def chosen(snapshot, ids):
        everyone = sorted(snapshot.goroutines, key=lambda g: g.id)
        if ids == "all":
            return everyone
        if ids is None:
            own = [g for g in everyone if g.thread is not None and g.thread.num == gdb.selected_thread().num]
            if not own:
                raise gdb.GdbError("The selected thread runs no goroutine.")
            return own
        chosen = []
        numbers = [g.id for g in everyone]
        for part in ids.split(","):
            first, _, last = part.partition("-")
            first, last = int(first), int(last or first)
            found = everyone[bisect.bisect_left(numbers, first):bisect.bisect_right(numbers, last)]
            if not found:
                raise gdb.GdbError(f"There is no goroutine {part.strip()}; info goroutines lists them.")
            chosen += found
        return chosen

    @staticmethod
    def execute(snapshot, places, g, command, alone):
        spawned = places.spawn(g)
        if not command:
            gdb.write(f"{snapshot.heading(g)} {places.user(g)}{', ' + spawned if spawned else ''}\n")
            return
        gdb.write(f"{snapshot.heading(g)}{', ' + spawned if spawned else ''}\n")
        try:
            with at_goroutine(g) as frame:
                execute_at(frame, command)
        except ERRORS as e:
            if alone:
                raise gdb.GdbError(str(e)) from None
            gdb.write(f"{e}\n")


def folded_backtraces(snapshot, chosen, command):
    """Each stack once, below the numbers of those that have it: the most frequent last, where the eye is."""
    places = Places(snapshot.table)
    by_key, stacks = {}, {}
    for g in chosen:
        by_key.setdefault(("fresh", g.body) if g.fresh() else places.stack_key(g), []).append(g)
    for key, group in by_key.items():
        stacks.setdefault((frames_of(group[0]) or key), []).extend(group)
    for number, group in enumerate(sorted(stacks.values(), key=len)):
        if number:
            gdb.write("\n")
        write_headings(snapshot, places, group)
        try:
            with at_goroutine(group[0]) as frame:
                execute_at(frame, command)
        except ERRORS as e:
            gdb.write(f"{re.sub('^goroutine [0-9]+ ', '', str(e))}\n")


def frames_of(g):
    """The places of all frames but the innermost ones of the runtime, or nothing if there is no stack: the scheduler has two
    ways to leave a stack, which are the same to who reads."""
    try:
        with at_goroutine(g) as frame:
            places, inside = [], g.thread is None
            while frame is not None and len(places) < FRAMES_MAX:
                inside = inside and (frame.name() or "").startswith(RUNTIME_NAMES)
                if not inside:
                    places.append(frame.pc())
                frame = frame.older()
            return tuple(places)
    except ERRORS:
        return None


def write_headings(snapshot, places, group):
    if len(group) == 1:
        spawned = places.spawn(group[0])
        gdb.write(f"{snapshot.heading(group[0])}{', ' + spawned if spawned else ''}\n")
        return
    alike = {}
    for g in group:
        alike.setdefault((snapshot.state_text(g), places.spawn(g)), []).append(g)
    for (state, spawned), members in alike.items():
        since = {snapshot.since_text(g) for g in members}
        longest = snapshot.since_text(min(members, key=lambda g: g.since_ns))
        words = state + (f", {longest}" if longest and len(since) == 1 else f", up to {longest}" if longest else "")
        names = {g.name for g in members if g.name}
        named = f' "{names.pop()}"' if len(names) == 1 and all(g.name for g in members) else ""
        title = f"{len(members)} goroutines" if len(members) > 1 else "goroutine"
        gdb.write(f"{title} {id_ranges(g.id for g in members)}{named} [{words}]{', ' + spawned if spawned else ''}\n")


class GoroutineFunction(gdb.Function):
    """$goroutine(N): the address of the record of goroutine N."""

    def __init__(self):
        super().__init__("goroutine")

    def invoke(self, number):
        g = Snapshot().by_id.get(int(number))
        if g is None:
            raise gdb.GdbError(f"There is no goroutine {int(number)}.")
        for name in ("gos::rt::goroutine", "void"):
            with contextlib.suppress(*ERRORS):
                return gdb.Value(g.record).cast(gdb.lookup_type(name).pointer())
        return gdb.Value(g.record)


InfoGoroutines()
GoroutineCommand()
GoroutineFunction()
