#!/usr/bin/env python3
"""Counts the instructions of an operation of each kind under callgrind, and compares them with pins.txt.

    cost.py OPERATIONS [--print]

OPERATIONS is the program built from operations.cpp. It runs once under valgrind, on one processor; what the thread of the main
goroutine executes between two client requests is one operation's. Not always the same thread: the processor changes threads where
the system leaves one without a CPU. Exit status 1 when one costs more than its pin and the slack, 77 (skipped) when
there is no valgrind. --print: the counts in the form of pins.txt. Times would say nothing on a machine that does something
else; counts repeat within a percent.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SLACK = 0.15
SKIPPED = 77
TURNS = 20_000  # as in operations.cpp


def count(program):
    """Runs the program under callgrind; returns {operation: instructions for one}."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/out", program]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env=dict(os.environ, GOS_MAXPROCS="1"))
        if done.returncode != 0:
            sys.exit(f"cost.py: {program} failed under valgrind:\n{done.stdout[-2000:]}")
        counts = {}
        for part in pathlib.Path(folder).glob("out.*"):  # one for each operation
            text = part.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
            total = re.search(r"^(?:summary|totals): (\d+)$", text, re.MULTILINE)
            if name and total:
                counts[name[1]] = int(total[1]) / TURNS
    return counts


def read_pins():
    lines = pathlib.Path(__file__).with_name("pins.txt").read_text(encoding="utf-8").splitlines()
    return {name: float(pin) for name, pin in (line.split() for line in lines if line and not line.startswith("#"))}


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind here (Debian: valgrind)")
        return SKIPPED
    counts = count(arguments[0])
    if "--print" in arguments:
        for name, instructions in counts.items():
            print(f"{name:<20} {instructions:.0f}")
        return 0
    pins = read_pins()
    if counts.keys() != pins.keys():
        sys.exit(f"cost.py: counted {sorted(counts)}, pinned {sorted(pins)}")
    failed = False
    for name, instructions in counts.items():
        over = instructions > pins[name] * (1 + SLACK)
        failed = failed or over
        print(f"{name:<20} {instructions:7.0f} instructions, pinned at {pins[name]:.0f}{': TOO MANY' if over else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
