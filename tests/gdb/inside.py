"""inside: what gdb must say of the program `stuck`; runs inside gdb, started by check.py.

Prints "FAULT: ..." for each thing that is wrong, and at the end "CHECKED n". What it expects is told by the environment:
STUCK_MODE: wait, crash or fresh; STUCK_LIVE=1 for a process; STUCK_NAMES=1 if the program has symbols, STUCK_LINES=1 if it has
debug information, STUCK_SOURCE: its source.
"""

import os
import re

import gdb

mode = os.environ["STUCK_MODE"]
live = os.environ["STUCK_LIVE"] == "1"
names = os.environ["STUCK_NAMES"] == "1"
lines = os.environ["STUCK_LINES"] == "1"
source = open(os.environ["STUCK_SOURCE"]).read().split("\n")
checked = 0
ADDRESS = r"0x[0-9a-f]+ in \?\?"


def check(good, text, *shown):
    global checked
    checked += 1
    if not good:
        print("FAULT:", text)
        for s in shown:
            print("    " + str(s).replace("\n", "\n    "))


def run(command):
    return gdb.execute(command, to_string=True)


def refusal(command):
    """What gdb says when it refuses."""
    try:
        return "accepted: " + run(command)
    except gdb.error as e:
        return str(e)


def line_of(text):
    found = [number for number, line in enumerate(source, 1) if text in line]
    assert len(found) >= 1, text
    return found[0]


class Line:
    """A line of info goroutines."""

    def __init__(self, text):
        self.text = text
        match = re.match(r"([* ]) (\d+) +(\S.*)$", text)
        check(match is not None, "a line of another form", text)
        self.on_thread, self.id, self.rest = match.group(1) == "*", int(match.group(2)), match.group(3)


def listed(filter_text=""):
    return [Line(text) for text in run("info goroutines " + filter_text).rstrip("\n").split("\n")]


# What all threads look like, and which of them is selected: nothing of it may change.
def standing():
    thread, level = gdb.selected_thread(), gdb.selected_frame().level()
    text = [f"{thread.num} {level}"]
    for t in gdb.selected_inferior().threads():
        t.switch()
        text.append(f"{t.num} " + run("info registers") + run("bt 3"))
    thread.switch()
    frame = gdb.newest_frame()
    for _ in range(level):
        frame = frame.older()
    frame.select()
    return "\n".join(text)


def expect(everyone, state, function, call, spawn, count=1, name="", on_thread=False):
    """`count` goroutines in `state`, in the user's `function` at the line of `call`, started at the line of `spawn`."""
    found = [g for g in everyone if g.rest.startswith(state) and g.on_thread == on_thread
             and (not name or f'"{name}"' in g.rest) and (not names or function in g.rest)]
    if names:
        check(len(found) == count, f"{len(found)} goroutines, not {count}: {state} in {function}", *[g.text for g in everyone])
    else:
        check(len(found) >= count, f"{len(found)} goroutines, not {count} or more: {state}", *[g.text for g in everyone])
    for g in found:
        if lines:
            check(re.search(rf"{function}\S* at \S*stuck\.cpp:{line_of(call)}\b", g.rest), f"{function} without its line", g.text)
            check(re.search(rf"created by lambda at \S*stuck\.cpp:{line_of(spawn)} in goroutine \d+$", g.rest),
                  "no place of its start", g.text)
        elif names:
            check(re.search(r"created by main::\{lambda\(\)#1\} in goroutine \d+$", g.rest), "no place of its start", g.text)
        else:
            check(re.search(ADDRESS, g.rest), "no address instead of a function", g.text)
    return found


def check_list():
    everyone = listed()
    check(len(everyone) == 15, f"{len(everyone)} goroutines, not 15", *[g.text for g in everyone])
    check([g.id for g in everyone] == sorted({g.id for g in everyone}), "ids in another order, or twice")
    check(everyone[0].id == 1 and everyone[0].on_thread, "the main goroutine is on no thread", everyone[0].text)
    if names:
        check(("crash_here" if mode == "crash" else "lambda") in everyone[0].rest,
              "the main goroutine elsewhere", everyone[0].text)
    received = "(void)ch.recv()"
    found = {
        "reader": expect(everyone, "chan receive", "receive", received, '"reader"', name="reader"),
        "send": expect(everyone, "chan send", "send", "ch.send(1)", "gos::go(send"),
        "mutex": expect(everyone, "sync.Mutex.Lock", "lock_mutex", "m.lock()", "{ lock_mutex(m); }"),
        "select": expect(everyone, "select", "choose", "gos::select(", "gos::go(choose"),
        "sleep": expect(everyone, "sleep", "doze", "gos::sleep(10h)", "gos::go(doze"),
        "spinner": expect(everyone, "running", "compute", "turns.fetch_add", '"spinner"', name="spinner", on_thread=True),
        "handler": expect(everyone, "syscall", "stay_in_handler", "::pause();", "gos::go(be_interrupted", on_thread=True)
        if lines else [g for g in everyone if g.rest.startswith("syscall") and g.id != 1],
    }
    waiting = [g for g in everyone if g.rest.startswith("chan receive")]
    check(len(waiting) == 8, f"{len(waiting)} goroutines, not 8, wait to receive", *[g.text for g in everyone])
    pinned = [g for g in waiting if ", locked" in g.rest]
    check(len(pinned) == 1, "not one goroutine that is locked to a thread", *[g.text for g in waiting])
    for what, some in found.items():
        check(some, f"none: {what}", *[g.text for g in everyone])
    found["pinned"] = pinned
    found["digger"] = [g for g in waiting if re.search(r"\bdig\b", run(f"goroutine {g.id} bt"))]
    check(len(found["digger"]) == (1 if names else 0), "not one digger")
    return everyone, {what: some[0].id for what, some in found.items() if some}


def check_filters():
    check(len(listed("chan receive")) == 8, "a filter by text")
    check(len(listed("sle+p")) == 1, "a filter by expression")
    check(len(listed('("reader"|"spinner")')) == 2, "a filter by alternatives")
    check(run("info goroutines no such thing") == "No goroutines match.\n", "a filter that nothing matches")


def check_stacks(ids):
    inside = [("reader", "receive"), ("send", "send"), ("mutex", "lock_mutex"), ("select", "choose"), ("sleep", "doze"),
              ("pinned", "stay_on_thread"), ("spinner", "compute"), ("handler", "be_interrupted")]
    for what, function in inside:
        text = run(f"goroutine {ids[what]} bt")
        check(text.startswith(f"goroutine {ids[what]} "), "no heading", text)
        check(re.search(rf"^#\d+ .*\b{function}\b", text, re.MULTILINE) or not names, f"no {function} in the stack of {what}", text)
        check(len(re.findall(r"^#\d+ ", text, re.MULTILINE)) >= 4, f"a short stack of {what}", text)
        check("corrupt" not in text and "Backtrace stopped" not in text, f"gdb finds fault with the stack of {what}", text)
        if names:
            check("goroutine_main" in text, f"the stack of {what} does not reach its first frame", text)
    if names:
        check("<signal handler called>" in run(f"goroutine {ids['handler']} bt"), "no signal handler")
        text = run(f"goroutine {ids['digger']} bt")
        check(len(re.findall(r"\bdig\b", text)) >= (41 if lines else 2), "not the whole depth of dig", text)
    else:
        check("?? ()" in run(f"goroutine {ids['reader']} bt"), "a function name without symbols")
    check(len(re.findall(r"^#", run(f"goroutine {ids['reader']} bt 2"), re.MULTILINE)) == 2, "bt 2 does not show two frames")
    check(run(f"goroutine {ids['reader']} bt -3").count("\n#") == 3, "bt -3 does not show three frames")
    check("Stack level 1," in run(f"goroutine {ids['reader']} info frame"), "the innermost frame is not selected")
    check("rip" in run(f"goroutine {ids['reader']} info registers rip") or "aarch64" in gdb.newest_frame().architecture().name(),
          "no registers")
    check(run(f"goroutine {ids['reader']}").count("\n") == 1, "a goroutine without a command takes one line")
    if lines:
        text = run(f"goroutine {ids['digger']} bt -full")
        check(re.search(r"\bdig \(depth=\d+", text), "no arguments of dig", text)


def check_fold(everyone):
    text = run("goroutine all bt")
    headings = re.findall(r"^(?:\d+ )?goroutines? ([\d, -]+?)(?: \"\w+\")? \[", text, re.MULTILINE)
    shown = []
    for ids in headings:
        for part in ids.split(","):
            first, _, last = part.strip().partition("-")
            shown += range(int(first), int(last or first) + 1)
    check(sorted(shown) == [g.id for g in everyone], "folded: not each goroutine once", headings, text)
    stacks = len(re.findall(r"^#[01] ", text, re.MULTILINE))
    check(stacks < len(everyone), "nothing was folded", text)
    text = run("goroutine all bt -nofold")
    check(len(re.findall(r"^goroutine \d+ ", text, re.MULTILINE)) == len(everyone), "not each goroutine with -nofold", text)
    check(len(re.findall(r"^#[01] ", text, re.MULTILINE)) >= len(everyone), "not each stack with -nofold", text)


def check_keys(everyone, ids):
    """Equal stacks are told without unwinding each: else a list of 100 000 goroutines would take minutes."""
    snapshot = Snapshot()  # noqa: F821, both are of gossamer_gdb.py
    places = Places(snapshot.table)  # noqa: F821
    receivers = [g.id for g in everyone if g.rest.startswith("chan receive") and g.id not in ids.values()]
    keys = {places.stack_key(snapshot.by_id[i]) for i in receivers}
    check(len(receivers) >= 5 and len(keys) <= 3, f"{len(keys)} keys of {len(receivers)} equal goroutines", *keys)


def check_words(ids):
    reader, spinner = ids["reader"], ids["spinner"]
    text = run(f"goroutine {reader},{spinner} bt 1")
    check(re.search(rf"^goroutine {reader} .*^goroutine {spinner} ", text, re.MULTILINE | re.DOTALL), "a list of two", text)
    one, other = (run(f"print $goroutine({i})") for i in (reader, spinner))
    check("0x" in one and one.split("0x")[1] != other.split("0x")[1], "$goroutine", one, other)
    check("resumed" in refusal(f"goroutine {reader} continue"), "it lets a goroutine continue")
    check("no goroutine 999999" in refusal("goroutine 999999 bt"), "a goroutine that does not exist")
    check("give the number" in refusal("goroutine bt"), "a command without a number")


def check_everywhere(ids):
    """From whichever thread and frame gdb looks, it says the same, and nothing is moved."""
    text = run(f"goroutine {ids['reader']} bt")
    own = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        gdb.newest_frame().select()
        if gdb.newest_frame().older() is not None:
            gdb.newest_frame().older().select()
        before = standing()
        now = run(f"goroutine {ids['reader']} bt")
        check(frames(now) == frames(text), f"another stack, seen from thread {thread.num}", text, now)
        run(f"goroutine {ids['spinner']} bt")
        run("info goroutines")
        check_unchanged(before)
    own.switch()
    gdb.newest_frame().select()


def check_unchanged(before):
    now = standing()
    difference = [f"{a}\n{b}" for a, b in zip(before.split("\n"), now.split("\n")) if a != b]
    check(now == before, "looking changed what gdb shows of the threads", *difference)


def frames(text):
    return re.findall(r"^#.*", text, re.MULTILINE)


def check_fresh():
    everyone = listed()
    new = [g for g in everyone if "has not run yet" in g.rest]
    if not new:
        print("LATER: the new goroutine has run already")
        return
    check(len(new) == 1 and new[0].rest.startswith("runnable"), "not one that is runnable", new[0].text)
    if names:
        check("never_ran" in new[0].rest and '"new"' in new[0].rest, "not what it will run", new[0].text)
    said = refusal(f"goroutine {new[0].id} bt")
    check("has never run" in said and ("never_ran" in said or not names), "its stack", said)
    check("has never run" in run("goroutine all bt"), "the stacks of all")
    check(run("goroutine").startswith("goroutine 1 [running, on thread"), "the selected thread's own", run("goroutine"))


try:
    if mode == "fresh":
        check_fresh()
    else:
        before = standing()
        everyone, ids = check_list()
        check_filters()
        check_stacks(ids)
        check_fold(everyone)
        check_keys(everyone, ids)
        check_words(ids)
        check_everywhere(ids)
        check_unchanged(before)
except gdb.error as e:
    import traceback
    print("FAULT: gdb:", e)
    traceback.print_exc()
print("CHECKED", checked)
