#!/usr/bin/env python3
"""check: runs gdb with tools/gossamer_gdb.py on the program `stuck`, alive and dead. inside.py says what must come out.

    check.py WAY KIND PROGRAM

WAY: attach (gdb joins a process that waits), launch (gdb starts it), gcore (a core file that gdb writes), crash (one that the
kernel writes). KIND: debug (with debug information), plain (symbols only), stripped (neither). Ends with 77, ctest's sign for a
test that was skipped, where the machine forbids what the way needs, and says what that is.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent.parent / "tools" / "gossamer_gdb.py"
SKIPPED = 77
ATTEMPTS = int(os.environ.get("STUCK_ATTEMPTS", 5))  # a program cannot know that its goroutines wait already: on a busy machine it may be early
FORBIDDEN = ("ptrace: Operation not permitted", "Could not trace the inferior", "PTRACE_TRACEME: Operation not permitted",
             "Could not attach")


def skip(why):
    print("SKIPPED:", why)
    sys.exit(SKIPPED)


class Check:
    def __init__(self, way, kind, program, folder):
        self.way, self.kind, self.folder = way, kind, Path(folder)
        self.program = program
        if kind == "stripped":
            self.program = str(self.folder / "stuck")
            subprocess.run(["strip", "--strip-all", "-o", self.program, program], check=True)

    def gdb(self, *arguments, mode="wait", live=True, limit=120):
        environment = dict(os.environ, STUCK_MODE=mode, STUCK_LIVE=str(int(live)), STUCK_SOURCE=str(HERE / "stuck.cpp"),
                           STUCK_NAMES=str(int(self.kind != "stripped")), STUCK_LINES=str(int(self.kind == "debug")),
                           LC_ALL="C")
        environment.pop("DEBUGINFOD_URLS", None)
        settings = [word for setting in ("pagination off", "width 0", "height 0", "confirm off") for word in
                    ("-iex", f"set {setting}")]
        done = subprocess.run(["gdb", "-nx", "-q", "-batch", *settings, "-x", str(SCRIPT), *arguments], env=environment,
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=limit, text=True, errors="replace")
        if any(text in done.stdout for text in FORBIDDEN):
            skip("a process cannot be traced here (ptrace is forbidden), so nothing of a live one was tested\n" + done.stdout)
        return done.stdout

    def inside(self, *arguments, **settings):
        """gdb, with inside.py after the arguments, but before the program and its own."""
        program = arguments.index("--args") if "--args" in arguments else len(arguments)
        return self.gdb(*arguments[:program], "-x", str(HERE / "inside.py"), *arguments[program:], **settings)

    def start(self, mode, **settings):
        """The program, when it says that it is ready, or nothing if it ended."""
        process = subprocess.Popen([self.program, mode], stdout=subprocess.PIPE, cwd=self.folder, text=True, **settings)
        process.stdout.readline()
        return process

    # The ways. Each returns what gdb said.

    def attach(self):
        process = self.start("wait")
        try:
            return self.inside("-p", str(process.pid))
        finally:
            process.kill()
            process.wait()

    def launch(self):
        return self.inside("-ex", "set breakpoint pending on", "-ex", "break stop_here", "-ex", "run", "--args", self.program,
                           "fresh", mode="fresh")

    def gcore(self):
        # gdb cannot read past guards that are installed in the page tables, and gives up a whole mapping then.
        process = self.start("wait", env=dict(os.environ, GOS_DEBUG="mprotectguards"))
        try:
            said = self.gdb("-p", str(process.pid), "-ex", "generate-core-file core.gdb")
        finally:
            process.kill()
            process.wait()
        core = self.folder / "core.gdb"
        if not core.exists():
            return said + "\nFAULT: gdb wrote no core file"
        return self.inside(self.program, str(core), live=False)

    def crash(self):
        pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if pattern.startswith("|") or "/" in pattern:
            skip(f"core files do not come into the process's folder here (core_pattern is '{pattern}')")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            skip("core files are forbidden here (the hard limit of ulimit -c is 0)")
        for old in self.folder.glob("core*"):
            old.unlink()

        def allow_core():
            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))

        process = self.start("crash", preexec_fn=allow_core)
        if process.wait(timeout=120) != -signal.SIGABRT:
            return f"FAULT: the program did not abort: {process.returncode}"
        cores = list(self.folder.glob("core*"))
        if not cores:
            skip(f"the kernel wrote no core file (core_pattern is '{pattern}')")
        spent = cores[0].stat().st_blocks * 512
        if spent > 256 << 20:
            return f"FAULT: the core file takes {spent >> 20} MiB"
        return self.inside(self.program, str(cores[0]), mode="crash", live=False)

    def run(self):
        for attempt in range(ATTEMPTS):
            said = getattr(self, self.way)()
            if "CHECKED" in said and "FAULT" not in said and "LATER" not in said:
                print([line for line in said.split("\n") if "CHECKED" in line][-1])
                return 0
            print(f"--- attempt {attempt + 1}\n{said}", flush=True)
            time.sleep(attempt * 0.3)
        return 1


def main():
    way, kind, program = sys.argv[1:]
    if shutil.which("gdb") is None:
        skip("there is no gdb (Debian: apt-get install gdb)")
    with tempfile.TemporaryDirectory() as folder:
        return Check(way, kind, program, folder).run()


if __name__ == "__main__":
    sys.exit(main())
