"""gossamer_gdb: goroutines in gdb, of a live process and of a core file.

    (gdb) source tools/gossamer_gdb.py
    (gdb) info goroutines [FILTER]         one line each; FILTER: some text of the line, or a regular expression
    (gdb) goroutine 7 bt                   the stack of goroutine 7; any command of gdb's may stand for bt
    (gdb) goroutine 7,12-20 info locals
    (gdb) goroutine all bt [-nofold]       all stacks, equal ones once
    (gdb) print $goroutine(7)              the address of its record

Reads what it needs from the program's debug table (src/sched/debug_table.hpp), so it needs no debug information of the library;
function names come from the program's symbols, lines from its debug information, as far as it has them. It writes nothing
into the program, and no register: docs/debugging_with_gdb.md says how it works.

Works with the gdb and the Python of Debian 12 (13.1, 3.11) and later ones. Processors: x86-64, aarch64.
"""

import bisect
import contextlib
import re
import struct
import time

import gdb
import gdb.unwinder

TABLE_MAGIC = b"gossamer.debug\0\0"
TABLE_ADDRESSES = ["slab", "slab_used", "machines", "now_ns", "wait_reasons"]
TABLE_NUMBERS = """
    wait_reason_count goroutine_size goroutine_context goroutine_on_cpu goroutine_state goroutine_flags goroutine_reason
    goroutine_stack_class goroutine_stack_base goroutine_id goroutine_parent_id goroutine_spawn_pc goroutine_wait_object
    goroutine_since_ns goroutine_deadline_ns goroutine_body goroutine_closure goroutine_extra extra_name extra_name_size
    machine_next machine_current machine_idle machine_blocking machine_alive machine_thread
""".split()
TABLE = struct.Struct(f"<16sII{len(TABLE_ADDRESSES)}Q{len(TABLE_NUMBERS)}I")

# What is unpacked of a goroutine's record: the name here, the table's name, how far behind it, the format.
RECORD = [
    ("sp", "context", 0, "Q"), ("fp", "context", 8, "Q"), ("pc", "context", 16, "Q"), ("on_cpu", "on_cpu", 0, "I"),
    ("state", "state", 0, "B"), ("flags", "flags", 0, "B"), ("reason", "reason", 0, "B"),
    ("stack_class", "stack_class", 0, "B"), ("stack_base", "stack_base", 0, "Q"), ("id", "id", 0, "Q"),
    ("parent_id", "parent_id", 0, "Q"), ("spawn_pc", "spawn_pc", 0, "Q"), ("wait_object", "wait_object", 0, "Q"),
    ("since_ns", "since_ns", 0, "q"), ("body", "body", 0, "Q"), ("closure", "closure", 0, "Q"), ("extra", "extra", 0, "Q"),
]
DEAD, RUNNABLE, RUNNING = 0, 1, 2  # states; the others wait
FRESH, LOCKED = 1, 2               # flags

RECORDS_AT_ONCE = 16384
KEY_BYTES_MAX = 64 * 1024  # deeper stacks are compared frame by frame only
FRAMES_MAX = 100000

# Stack pointer, frame pointer, program counter.
REGISTERS = {"i386:x86-64": ("rsp", "rbp", "rip"), "aarch64": ("sp", "x29", "pc")}

# Commands that let the program run: a goroutine that waits cannot be stepped.
RESUMING = set("""
    r run start starti c fg continue s step si stepi n next ni nexti u until advance fin finish j jump k kill detach signal
    ret return call rs rsi rn rni rc reverse-step reverse-stepi reverse-next reverse-nexti reverse-continue reverse-finish
""".split())

LIBRARY_NAME = re.compile(r"^(gos::|std::|__gnu_cxx::|gos_)")
WRAPPER = re.compile(r"^(void )?gos::(detail::run_and_destroy|run)<")
LIBRARY_FILE = re.compile(r"(^|/)(gossamer/(detail/)?\w+\.hpp|include/c\+\+/.*)$")
SYSTEM_LIBRARY = re.compile(r"/(libc|libm|libpthread|libgcc_s|libstdc\+\+|ld-linux[\w-]*)[.-][^/]*$")


# --- memory ----------------------------------------------------------------------------------------------------------

def read(address, size):
    return gdb.selected_inferior().read_memory(address, size)


def read_word(address):
    return struct.unpack("<Q", read(address, 8))[0]


def read_text(address, limit=80):
    """The characters up to a zero. Reads no further than the page that they end in."""
    text = b""
    while len(text) < limit:
        piece = bytes(read(address, min(16 - address % 16, limit - len(text))))
        text += piece.split(b"\0")[0]
        if b"\0" in piece:
            break
        address += len(piece)
    return text.decode("utf-8", "replace")


def sections():
    """(first, last, name) of every section of the program and its libraries, where they are in memory."""
    for line in gdb.execute("info files", to_string=True).split("\n"):
        match = re.match(r"\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is (\S+)", line)
        if match:
            yield int(match.group(1), 16), int(match.group(2), 16), match.group(3)


class Table:
    """The program's debug table."""

    def __init__(self):
        if gdb.selected_thread() is None:
            raise gdb.GdbError("There is no process and no core file: run or attach to one, or load one.")
        self.code_pages = set()
        address = None
        for first, last, name in sections():
            if name == ".note.gossamer":
                address = self.follow(first)
            elif name.startswith((".text", ".plt", ".init", ".fini")):
                self.code_pages.update(range(first >> 12, (last + 0xfff) >> 12))
        if address is None:
            address = self.by_symbol()
        magic, version, size = struct.unpack("<16sII", read(address, 24))
        if magic != TABLE_MAGIC or version != 1 or size < TABLE.size:
            raise gdb.GdbError(f"The program has a debug table of version {version}, {size} bytes; this script knows version 1: "
                               "take the gossamer_gdb.py that came with the program's gossamer.")
        values = TABLE.unpack(read(address, TABLE.size))[3:]
        vars(self).update(zip(TABLE_ADDRESSES + TABLE_NUMBERS, values))
        if self.slab == 0:
            raise gdb.GdbError("The program has not begun to run.")
        self.reasons = [read_text(a) for a in struct.unpack(f"<{self.wait_reason_count}Q",
                                                            read(self.wait_reasons, self.wait_reason_count * 8))]

    @staticmethod
    def follow(note):
        """The address of the table from that of the ELF note."""
        contents = note + 24  # three numbers of 4 bytes, "gossamer" and a zero, rounded up to 4
        return (contents + struct.unpack("<q", read(contents, 8))[0]) & 0xffffffffffffffff

    @staticmethod
    def by_symbol():
        try:
            return int(gdb.parse_and_eval("(unsigned long)&gos_debug_table"))
        except gdb.error:
            raise gdb.GdbError("This program does not contain gossamer (it has no debug table).") from None

    def now(self):
        """The time on the clock of since_ns. A core file has only the time when something last ran."""
        coarse = struct.unpack("<q", read(self.now_ns, 8))[0]
        connection = getattr(gdb.selected_inferior(), "connection", None)
        if connection is not None and connection.type == "native":
            return max(coarse, time.monotonic_ns())
        return coarse


# --- goroutines ------------------------------------------------------------------------------------------------------

class Goroutine:
    __slots__ = [name for name, *_ in RECORD] + ["record", "name", "thread", "blocking"]

    def stack_top(self):
        return self.stack_base + (1 << self.stack_class)

    def fresh(self):
        return self.flags & FRESH != 0


def record_format(table):
    """A Struct that unpacks a whole record, and the names of what it yields."""
    fields = sorted((getattr(table, "goroutine_" + field) + behind, kind, name) for name, field, behind, kind in RECORD)
    text, at = "<", 0
    for offset, kind, _ in fields:
        text += f"{offset - at}x{kind}"
        at = offset + struct.calcsize(kind)
    return struct.Struct(text + f"{table.goroutine_size - at}x"), [name for *_, name in fields]


class Snapshot:
    """All goroutines, as they stand while the program stands still."""

    def __init__(self):
        self.table = Table()
        self.now = self.table.now()
        self.goroutines = list(self.read_all())
        self.by_id = {g.id: g for g in self.goroutines}
        self.find_threads()

    def read_all(self):
        table = self.table
        layout, names = record_format(table)
        state_at = names.index("state")
        slab, used = read_word(table.slab), read_word(table.slab_used)
        for first in range(0, used, RECORDS_AT_ONCE):
            count = min(RECORDS_AT_ONCE, used - first)
            address = slab + first * table.goroutine_size
            for values in layout.iter_unpack(read(address, count * table.goroutine_size)):
                if values[state_at] != DEAD:
                    g = Goroutine()
                    for name, value in zip(names, values):
                        setattr(g, name, value)
                    g.record, g.thread, g.blocking = address, None, False
                    g.name = read_text(g.extra + table.extra_name, table.extra_name_size) if g.extra else ""
                    yield g
                address += table.goroutine_size

    # Which thread is on which goroutine's stack says more than the runtime's own notes, which run ahead of a switch.
    def find_threads(self):
        by_base = {g.stack_base: g for g in self.goroutines if g.stack_base}
        classes = {g.stack_class for g in by_base.values()}

        def owner(sp):
            for c in classes:
                g = by_base.get(sp >> c << c)
                if g is not None and g.stack_class == c:
                    return g
            return None

        idle = []
        with kept_selection():
            for thread in gdb.selected_inferior().threads():
                if thread.is_running():
                    raise gdb.GdbError(f"Thread {thread.num} is running; stop the program first (interrupt).")
                thread.switch()
                g = self.owner_of_frames(owner)
                if g is None:
                    idle.append(thread)
                elif g.thread is None:
                    g.thread = thread
        self.ask_machines(idle)

    @staticmethod
    def owner_of_frames(owner):
        """The goroutine on whose stack the selected thread is, perhaps in a signal handler that has a stack of its own."""
        frame = gdb.newest_frame()
        g = owner(int(frame.read_register("sp")))
        for _ in range(64):
            if g is not None or frame is None:
                return g
            signal_handler = frame.type() == gdb.SIGTRAMP_FRAME
            try:
                frame = frame.older()
            except gdb.error:
                return None
            if signal_handler and frame is not None:
                g = owner(int(frame.read_register("sp")))
        return g

    def ask_machines(self, idle):
        """Goroutines in blocking sections; and those that run where no stack pointer told it."""
        table = self.table
        by_record = {g.record: g for g in self.goroutines}
        by_tid = {thread.ptid[1] or thread.ptid[2]: thread for thread in idle}
        machine = read_word(table.machines)
        while machine:
            if read(machine + table.machine_alive, 1)[0] != b"\0":
                current = by_record.get(read_word(machine + table.machine_current))
                if current is not None:
                    current.blocking = read_word(machine + table.machine_blocking) == current.record
                    tid = struct.unpack("<i", read(machine + table.machine_thread, 4))[0]
                    if current.thread is None and current.state == RUNNING and current.on_cpu == 1:
                        current.thread = by_tid.get(tid)
            machine = read_word(machine + table.machine_next)

    # Words.

    def state_text(self, g):
        if g.state == RUNNABLE:
            return "runnable"
        if g.state == RUNNING:
            return "syscall" if g.blocking else "running"
        return self.table.reasons[g.reason] if g.reason < len(self.table.reasons) else "waiting"

    def since_text(self, g):
        if g.state <= RUNNING or g.since_ns <= 0:
            return ""
        return duration_text(self.now - g.since_ns)

    def heading(self, g):
        words = [self.state_text(g), self.since_text(g)]
        if g.flags & LOCKED:
            words.append("locked to thread")
        if g.thread is not None:
            words.append(f"on thread {g.thread.num}")
        name = f' "{g.name}"' if g.name else ""
        return f"goroutine {g.id}{name} [{', '.join(w for w in words if w)}]"


def duration_text(ns):
    seconds = ns // 1_000_000_000
    if seconds < 1:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def id_ranges(ids):
    """1, 2, 3, 7 as `1-3, 7`."""
    runs = []
    for i in sorted(ids):
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}-{b}" if b > a + 1 else f"{a}, {b}" for a, b in runs)


# --- looking from a goroutine ----------------------------------------------------------------------------------------

class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class GoroutineUnwinder(gdb.unwinder.Unwinder):
    """Makes gdb believe that the selected thread was called from the place where a goroutine was left.

    Registers cannot be set in a core file, and should not be in a live process. But a frame can say where its caller's
    registers are: while a goroutine is looked at, the thread's own frame says that its caller is the goroutine's innermost
    frame, and everything from there on is gdb's own doing. Thus the goroutine's frames begin with #1.
    """

    def __init__(self):
        super().__init__("gossamer goroutine")
        self.enabled = False

    def look(self, sp, fp, pc):
        frame = gdb.newest_frame()
        architecture = frame.architecture().name()
        if architecture not in REGISTERS:
            raise gdb.GdbError(f"Stacks of goroutines can be shown for x86-64 and aarch64; this is {architecture}.")
        self.names = REGISTERS[architecture]
        self.here = int(frame.read_register(self.names[0])), int(frame.read_register(self.names[2]))
        self.there = sp, fp, pc
        self.enabled = True
        gdb.invalidate_cached_frames()

    def look_away(self):
        self.enabled = False
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        own = [pending.read_register(name) for name in self.names]
        if (int(own[0]), int(own[2])) != self.here:
            return None
        # Frames must have addresses that grow from callee to caller, or gdb speaks of a corrupt stack.
        info = pending.create_unwind_info(FrameId(gdb.Value(self.there[0] - 8), gdb.Value(self.there[2])))
        for name, register, value in zip(self.names, own, self.there):
            info.add_saved_register(name, gdb.Value(value).cast(register.type))
        return info


unwinder = GoroutineUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, True)


@contextlib.contextmanager
def kept_selection():
    """The selected thread and frame are afterwards what they were."""
    thread = gdb.selected_thread()
    level = gdb.selected_frame().level()
    try:
        yield
    finally:
        if thread.is_valid():
            thread.switch()
            frame = gdb.newest_frame()
            for _ in range(level):
                frame = frame.older() or frame
            frame.select()


@contextlib.contextmanager
def at_context(sp, fp, pc):
    """Inside, the goroutine's innermost frame is selected; it is yielded."""
    with kept_selection():
        unwinder.look(sp, fp, pc)
        try:
            frame = gdb.newest_frame()
            while frame is not None and (int(frame.read_register(unwinder.names[0])), frame.pc()) == unwinder.here:
                frame = frame.older()
            if frame is None:
                raise gdb.GdbError("gdb refuses to unwind into the goroutine's stack.")
            frame.select()
            yield frame
        finally:
            unwinder.look_away()


BACKTRACE = re.compile(r"(bt|backtrace|where)\b(.*?)(\s\d+)?$")


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
        try:
            frame = frame.older()
        except gdb.error:
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
        with contextlib.suppress(gdb.error):
            for word in struct.unpack("<2Q", read(g.closure, 16)):
                function = symbol_at(word, exact=True)
                if function:
                    return function
    return what


class Places:
    """Names of places in the program's text, each looked up once."""

    def __init__(self, table):
        self.code_pages = table.code_pages
        self.spawned, self.bodies, self.users = {}, {}, {}

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
        except gdb.error:
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
            except gdb.error as e:
                self.users[key] = f"({str(e).rstrip('.')})"
        return self.users[key]

    def stack_key(self, g):
        """Goroutines with equal keys have equal stacks of frames: unwinding follows return addresses and saved frame pointers
        only. So keep those words of the stack that may be one; what points into the stack, by its distance."""
        size = g.stack_top() - g.sp
        if g.thread is not None or not g.stack_base or not 0 < size <= KEY_BYTES_MAX:
            return g.id
        try:
            words = memoryview(read(g.sp, size & ~7)).cast("B").cast("Q")
        except gdb.MemoryError:
            return g.id
        sp, base, top, pages = g.sp, g.stack_base, g.stack_top(), self.code_pages
        shape = [(i, w) if w >> 12 in pages else (i, w - sp) for i, w in enumerate(words)
                 if w and (w >> 12 in pages or base <= w < top)]
        return g.pc, g.fp - sp, tuple(shape)


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
        shown = 0
        for g in sorted(snapshot.goroutines, key=lambda g: g.id):
            line = self.line(snapshot, places, g)
            if wanted(line):
                gdb.write(line + "\n")
                shown += 1
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
        except gdb.error as e:
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
        except gdb.error as e:
            gdb.write(f"{re.sub('^goroutine [0-9]+ ', '', str(e))}\n")


def frames_of(g):
    """The places of all frames, or nothing if there is no stack."""
    try:
        with at_goroutine(g) as frame:
            places = []
            while frame is not None and len(places) < FRAMES_MAX:
                places.append(frame.pc())
                frame = frame.older()
            return tuple(places)
    except gdb.error:
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
            with contextlib.suppress(gdb.error):
                return gdb.Value(g.record).cast(gdb.lookup_type(name).pointer())
        return gdb.Value(g.record)


InfoGoroutines()
GoroutineCommand()
GoroutineFunction()
