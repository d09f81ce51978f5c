"""gossamer_gdb_records: goroutines as gdb finds them in a program's memory, and how to look from one of them.

A part of gossamer_gdb.py, which lies beside it and is the file to load. `Snapshot` reads the records of all goroutines by the
program's debug table (src/sched/debug_table.hpp) and tells which thread is on which one's stack; `at_context` makes gdb unwind
a stack that no thread is on.
"""

import collections
import contextlib
import operator
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

ERRORS = (gdb.error, gdb.GdbError)  # gdb's own, and those that commands raise for people


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
        except ERRORS:
            raise gdb.GdbError("This program does not contain gossamer (it has no debug table).") from None

    def now(self):
        """The time on the clock of since_ns. A core file has only the time when something last ran."""
        coarse = struct.unpack("<q", read(self.now_ns, 8))[0]
        connection = getattr(gdb.selected_inferior(), "connection", None)
        if connection is not None and connection.type == "native":
            return max(coarse, time.monotonic_ns())
        return coarse


# --- goroutines ------------------------------------------------------------------------------------------------------

class Goroutine(collections.namedtuple("Goroutine", [name for name, *_ in RECORD] + ["record"])):
    name, thread, blocking = "", None, False  # until something else is known

    def stack_top(self):
        return self.stack_base + (1 << self.stack_class)

    def fresh(self):
        return self.flags & FRESH != 0


def record_format(table):
    """A Struct that unpacks a whole record, and what puts that into the order of RECORD."""
    fields = sorted((getattr(table, "goroutine_" + field) + behind, kind, name) for name, field, behind, kind in RECORD)
    text, at = "<", 0
    for offset, kind, _ in fields:
        text += f"{offset - at}x{kind}"
        at = offset + struct.calcsize(kind)
    names = [name for *_, name in fields]
    return struct.Struct(text + f"{table.goroutine_size - at}x"), operator.itemgetter(*(names.index(name) for name, *_ in RECORD))


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
        layout, in_order = record_format(table)
        slab, used = read_word(table.slab), read_word(table.slab_used)
        for first in range(0, used, RECORDS_AT_ONCE):
            count = min(RECORDS_AT_ONCE, used - first)
            address = slab + first * table.goroutine_size
            for values in layout.iter_unpack(read(address, count * table.goroutine_size)):
                g = Goroutine._make((*in_order(values), address))
                if g.state != DEAD:
                    if g.extra:
                        g.name = read_text(g.extra + table.extra_name, table.extra_name_size)
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
            except ERRORS:
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
        frame = self.vantage_point()
        architecture = frame.architecture().name()
        if architecture not in REGISTERS:
            raise gdb.GdbError(f"Stacks of goroutines can be shown for x86-64 and aarch64; this is {architecture}.")
        self.names = REGISTERS[architecture]
        self.here = int(frame.read_register(self.names[0])), int(frame.read_register(self.names[2]))
        self.there = sp, fp, pc
        self.enabled = True
        gdb.invalidate_cached_frames()

    @staticmethod
    def vantage_point():
        """The newest frame of a thread that is not in an inlined function, so that a goroutine's frames always begin with #1."""
        frame = gdb.newest_frame()
        if frame.type() != gdb.INLINE_FRAME:
            return frame
        own = gdb.selected_thread()
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if gdb.newest_frame().type() != gdb.INLINE_FRAME:
                return gdb.newest_frame()
        own.switch()
        return gdb.newest_frame()

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
