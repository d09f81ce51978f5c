#!/usr/bin/env python3
"""Builds and runs the benchmarks of every runtime side by side, and makes a table of medians and ratios to Go, and a chart.

The method is in README.md: runtimes take turns within every workload of every round, in an order that is shuffled each
time, so that a slow minute of the machine falls on all of them. A program that fails, hangs or prints nothing is shown
as failed in the table and makes the exit status 1; it is never left out silently.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from chart import chart
from table import failure_notes, rows_of, scaling_table, summary, table

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent


@dataclasses.dataclass(frozen=True)
class Runtime:
    name: str
    source: str            # the file of this runtime in a workload's folder
    procs_variable: str    # the environment variable that sets its number of processors
    title: str


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    folder: str = ""                 # where it differs from the name
    sources: dict = dataclasses.field(default_factory=dict)   # runtime -> file in the folder, where it is not the runtime's
    arguments: tuple = ()
    quick_arguments: tuple = ()
    processors: tuple = (1, 2)
    timeout_s: int = 60
    memory_mb: int = 0               # what it needs where that is much; with less it is skipped, and said so
    hidden: tuple = ()               # metrics that go into the JSON file only
    fewer: dict = dataclasses.field(default_factory=dict)     # runtime -> arguments of its own
    without: dict = dataclasses.field(default_factory=dict)   # runtime -> why it is left out though it could take part

    @property
    def where(self):
        return self.folder or self.name

    def source(self, runtime):
        return self.sources.get(runtime.name, runtime.source)

    def numbers_of_processors(self, wanted):
        return [p for p in self.processors if p in wanted]


RUNTIMES = [
    Runtime("go", "go.go", "GOMAXPROCS", "Go"),
    Runtime("gossamer", "gossamer.cpp", "GOS_MAXPROCS", "gossamer"),
    Runtime("boost_fiber", "boost_fiber.cpp", "BENCH_PROCS", "Boost.Fiber"),
    Runtime("tbb", "tbb.cpp", "BENCH_PROCS", "oneTBB"),
    Runtime("epoll", "epoll.cpp", "BENCH_PROCS", "bare epoll"),
]

WORKLOADS = [
    Workload("spawn"),
    Workload("yield"),
    Workload("pingpong"),
    Workload("chan"),
    Workload("select"),
    Workload("mutex"),
    Workload("skynet", without={"boost_fiber": "runs the oldest first: 1.1 million stacks at once, 10 to 14 GB"}),
    Workload("fib", without={"tbb": "has tasks, no goroutines: see fork_join"}),
    Workload("fork_join", folder="fib", sources={"gossamer": "fork_join.cpp"}, without={"boost_fiber": "as in fib"}),
    Workload("parallel_for"),
    Workload("parked", arguments=("1000000",), quick_arguments=("100000",), timeout_s=120, memory_mb=6000,
             fewer={"boost_fiber": ("100000",)}),
    Workload("spawned", arguments=("1000000",), quick_arguments=("100000",), processors=(1,), hidden=("unrun",), memory_mb=4000),
    Workload("sleepers", arguments=("1000000",), quick_arguments=("200000",), timeout_s=120, memory_mb=6000,
             without={"boost_fiber": "several GB and half a minute; see sleepers_100k"}),
    Workload("sleepers_100k", folder="sleepers", arguments=("100000",), quick_arguments=("100000",)),
    Workload("echo", processors=(1,), hidden=("rate",)),
    Workload("latency_idle", folder="latency", arguments=("idle",), quick_arguments=("idle",), processors=(1,)),
    Workload("latency_busy", folder="latency", arguments=("busy",), quick_arguments=("busy",), processors=(1,)),
    Workload("latency_hog", folder="latency", arguments=("hog",), quick_arguments=("hog",), processors=(1,)),
    Workload("files", arguments=("1024",), quick_arguments=("64",)),
    Workload("files_by_threads", folder="files", sources={"gossamer": "threads.cpp"}, arguments=("1024",),
             quick_arguments=("64",), without={"go": "as in files"}),
    Workload("processes", arguments=("10000",), quick_arguments=("500",), timeout_s=120),
    Workload("tls", processors=(1,)),
    Workload("http", processors=(1,), hidden=("rate",)),
]
# What `run.py scaling` looks at, each with all numbers of processors.
SCALING = {"skynet": ("wall",), "fib": ("wall",), "fork_join": ("wall",), "parallel_for": ("index",), "mutex": ("lock_unlock",),
           "chan": ("4x4",), "echo": ("rate",)}


# Folders whose programs are servers, and the program that starts one and asks it.
DRIVERS = {"echo": "load", "latency": "probe"}

PACKAGES = {"boost_fiber": "libboost-fiber-dev", "tbb": "libtbb-dev"}


# --- building ---------------------------------------------------------------------------------------------------------

def run_quietly(command, **options):
    """Runs a command; returns (succeeded, what it printed)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    return done.returncode == 0, done.stdout


def build_cmake(build, runtimes, workloads, programs, problems):
    """Builds the C++ programs. What cannot be built is entered in problems under (workload, runtime)."""
    configure = ["cmake", "-S", str(BENCH), "-B", str(build), "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    good, found = run_quietly(configure)
    if not good:
        print(found[-3000:])
    jobs = str(len(os.sched_getaffinity(0)))
    compile_one = ["cmake", "--build", str(build), "-j", jobs, "--target"]
    for driver in {DRIVERS[workload.where] for workload in workloads if workload.where in DRIVERS}:
        if good:
            run_quietly(compile_one + [driver])
    for runtime in runtimes:
        if runtime.source.endswith(".go"):
            continue
        wanted = [w for w in workloads if (BENCH / w.where / w.source(runtime)).exists() and runtime.name not in w.without]
        package = PACKAGES.get(runtime.name)
        if package and good and f"{runtime.title} " not in found:
            print(f"{runtime.title} is not installed (Debian: {package}): the table is made without it")
            continue
        for workload in wanted:
            target = f"{workload.where}_{workload.source(runtime).removesuffix('.cpp')}"
            built = good
            if built:
                built, output = run_quietly(compile_one + [target])
                if not built:
                    print(f"{target} does not build:\n{output[-2000:]}")
            programs[workload.name, runtime.name] = [str(build / "bin" / target)]
            if not built:
                problems[workload.name, runtime.name] = "not built"


def build_go(build, workloads, programs, problems):
    """Builds the Go programs with the go that get_go.sh finds; returns the version or None."""
    found = subprocess.run([str(BENCH / "get_go.sh")], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        print("Go cannot be had (see above): the table is made without it, and without ratios")
        return None
    go = found.stdout.split("\n")[-2]
    cache = ROOT / "build" / "go"
    environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=mod", GOPROXY="off", GO111MODULE="on",
                       GOWORK="off", GOCACHE=str(cache / "cache"), GOPATH=str(cache / "path"))
    environment.pop("GOROOT", None)
    for workload in [w for w in workloads if "go" not in w.without and (BENCH / w.where / "go.go").exists()]:
        program = build / "bin" / f"{workload.where}_go"
        programs[workload.name, "go"] = [str(program)]
        good, output = run_quietly([go, "build", "-o", str(program), f"{workload.where}/go.go"], cwd=BENCH, env=environment)
        if not good:
            print(f"{workload.where}/go.go does not build:\n{output[-2000:]}")
            problems[workload.name, "go"] = "not built"
    return run_quietly([go, "version"], env=environment)[1].strip()


def build_all(build, runtimes, workloads):
    """Returns (programs, problems, Go's version); programs maps (workload, runtime) to a command."""
    programs, problems = {}, {}
    print("building ...", flush=True)
    (build / "bin").mkdir(parents=True, exist_ok=True)
    if any(not runtime.source.endswith(".go") for runtime in runtimes) or any(w.where in DRIVERS for w in workloads):
        build_cmake(build, runtimes, workloads, programs, problems)
    go_version = None
    if any(runtime.name == "go" for runtime in runtimes):
        go_version = build_go(build, workloads, programs, problems)
    for workload in [w for w in workloads if w.where in DRIVERS]:
        driver = build / "bin" / DRIVERS[workload.where]
        for runtime in [name for (of, name) in programs if of == workload.name]:
            programs[workload.name, runtime].insert(0, str(driver))
            if not driver.exists():
                problems[workload.name, runtime] = f"not built: {driver.name}"
    for (workload, _), command in programs.items():
        if workload == "http":
            command.insert(0, str(BENCH / "http" / "load.py"))
    return programs, problems, go_version


# --- running ----------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Outcome:
    values: dict         # metric -> (value, unit)
    cpus: float = 0      # processors really used
    failure: str = ""


def memory_available_mb():
    for line in open("/proc/meminfo", encoding="ascii"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


LINE = re.compile(r"^(\w+) (\w+) ([-+.\deE]+) (\S+)$", re.MULTILINE)


def run_once(workload, runtime, procs, command, options):
    """Runs one program under its time-out, with its processor time counted."""
    if workload.memory_mb > memory_available_mb():
        return Outcome({}, failure=f"skipped: needs {workload.memory_mb // 1000} GB")
    environment = dict(os.environ, BENCH_PROCS=str(procs))
    environment[runtime.procs_variable] = str(procs)
    if options.cpu_time:
        environment["BENCH_CLOCK"] = "cpu"
    if options.quick:
        environment["BENCH_SECONDS"] = "0.1"
    arguments = list(workload.fewer.get(runtime.name) or (workload.quick_arguments if options.quick else workload.arguments))
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        child = subprocess.Popen(command + arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                 env=environment, start_new_session=True)
        timed_out = threading.Event()

        def end_child():
            timed_out.set()
            os.killpg(child.pid, signal.SIGKILL)

        watchdog = threading.Timer(workload.timeout_s, end_child)
        watchdog.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except KeyboardInterrupt:
            end_child()
            raise
        finally:
            watchdog.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        output.seek(0)
        errors.seek(0)
        text, complaint = output.read(), errors.read().strip()
    outcome = Outcome({m[2]: (float(m[3]), m[4]) for m in LINE.finditer(text)},
                      cpus=(usage.ru_utime + usage.ru_stime) / max(wall, 1e-9))
    if timed_out.is_set():
        outcome.failure = f"no end in {workload.timeout_s} s"
    elif child.returncode != 0:
        how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit {child.returncode}"
        outcome.failure = how + (": " + complaint.splitlines()[0][:100] if complaint else "")
    elif not outcome.values:
        outcome.failure = "printed nothing"
    return outcome


class Results:
    """What has been measured: values, processors used and failures per workload, number of processors, runtime."""

    def __init__(self):
        self.values = {}      # (workload, procs, metric, runtime) -> [value]
        self.units = {}       # (workload, metric) -> unit
        self.cpus = {}        # (workload, procs, runtime) -> [cpus]
        self.failures = {}    # (workload, procs, runtime) -> [text]

    def add(self, workload, procs, runtime, outcome):
        if outcome.failure:
            self.failures.setdefault((workload, procs, runtime), []).append(outcome.failure)
            return
        self.cpus.setdefault((workload, procs, runtime), []).append(outcome.cpus)
        for metric, (value, unit) in outcome.values.items():
            self.values.setdefault((workload, procs, metric, runtime), []).append(value)
            self.units[workload, metric] = unit

    def metrics(self, workload):
        return [metric for (name, metric) in self.units if name == workload]

    def median(self, workload, procs, metric, runtime):
        values = self.values.get((workload, procs, metric, runtime))
        return statistics.median(values) if values else None


def plan(workloads, runtimes, programs, procs_wanted, rounds, warm_up):
    """The order of all runs: per round the workloads shuffled, and the runtimes next to each other, shuffled too."""
    for number in range(0 if warm_up else 1, rounds + 1):
        for workload in random.sample(workloads, len(workloads)):
            for procs in workload.numbers_of_processors(procs_wanted):
                if number == 0 and procs != min(procs_wanted):
                    continue
                able = [r for r in runtimes if (workload.name, r.name) in programs]
                for runtime in random.sample(able, len(able)):
                    yield number, workload, procs, runtime


def run_all(steps, programs, problems, options):
    results = Results()
    broken = dict(problems)
    for index, (number, workload, procs, runtime) in enumerate(steps, 1):
        key = (workload.name, runtime.name)
        which = f"round {number}/{options.rounds}" if number else "warm-up"
        title = f"[{index:>3}/{len(steps)}] {which}  {workload.name:<13} {procs}P  {runtime.name:<12}"
        if key in problems:
            outcome = Outcome({}, failure=problems[key])
        elif broken.get((key, procs), 0) >= 2:
            outcome = Outcome({}, failure="failed twice, not tried again")
        else:
            print(title, end=" ", flush=True)
            try:
                outcome = run_once(workload, runtime, procs, programs[key], options)
            except KeyboardInterrupt:
                print("interrupted: the table is made of what there is", flush=True)
                options.interrupted = True
                break
            if outcome.failure:
                broken[key, procs] = broken.get((key, procs), 0) + 1
            print(outcome.failure or "  ".join(f"{m} {v:.4g} {u}" for m, (v, u) in outcome.values.items()), flush=True)
        if number or outcome.failure:
            results.add(workload.name, procs, runtime.name, outcome)
    return results


# --- what was measured where ------------------------------------------------------------------------------------------

def first_line(path, pattern=None):
    try:
        for line in open(path, encoding="utf-8", errors="replace"):
            if pattern is None or re.match(pattern, line):
                return line.split(":", 1)[-1].strip() if pattern else line.strip()
    except OSError:
        pass
    return "unknown"


def header_version(path, *macros):
    """The version that a header says in the last words of these #defines."""
    words = [first_line(path, rf"#define {macro}\b").split()[-1].strip('"').replace("_", ".") for macro in macros]
    return ".".join(words)


def compiler_version(build):
    """The C++ compiler that CMake took, with its version."""
    for description in sorted(build.glob("CMakeFiles/*/CMakeCXXCompiler.cmake")):
        text = description.read_text(encoding="utf-8")
        name, version = (re.search(rf'set\(CMAKE_CXX_COMPILER_{w} "([^"]*)"', text) for w in ("ID", "VERSION"))
        if name and version:
            return f"{name[1]} {version[1]}, -O2"
    return "unknown"


def describe_machine(build, go_version, runtimes):
    """What a reader must know to compare two tables."""
    pages = re.search(r"\[(\w+)\]", first_line("/sys/kernel/mm/transparent_hugepage/enabled"))
    commit = run_quietly(["git", "describe", "--always", "--dirty"], cwd=ROOT)
    names = [runtime.name for runtime in runtimes]
    facts = {
        "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        "machine": f"{first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} processors, "
                   f"{int(first_line('/proc/meminfo', 'MemTotal').split()[0]) / 1048576:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}, "
                  f"huge pages {pages[1] if pages else 'unknown'}",
        "load at start": " ".join(f"{x:.2f}" for x in os.getloadavg()),
        "C++": compiler_version(build),
        "gossamer": commit[1].strip() if commit[0] else "unknown",
    }
    if "go" in names:
        facts["Go"] = go_version or "not to be had here: no column, no ratios"
    if "boost_fiber" in names:
        facts["Boost.Fiber"] = header_version("/usr/include/boost/version.hpp", "BOOST_LIB_VERSION")
    if "tbb" in names:
        facts["oneTBB"] = header_version("/usr/include/oneapi/tbb/version.h", "TBB_VERSION_MAJOR", "TBB_VERSION_MINOR")
    return facts


def write_results(stem, text, facts, results, options):
    folder = BENCH / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.txt").write_text(text + "\n", encoding="utf-8")
    rows = [{"workload": w, "processors": p, "metric": m, "runtime": r, "unit": results.units[w, m],
             "median": statistics.median(v), "min": min(v), "values": v}
            for (w, p, m, r), v in sorted(results.values.items())]
    cpus = [{"workload": w, "processors": p, "runtime": r, "median": statistics.median(v)}
            for (w, p, r), v in sorted(results.cpus.items())]
    failures = [{"workload": w, "processors": p, "runtime": r, "failures": v}
                for (w, p, r), v in sorted(results.failures.items())]
    data = {"facts": facts, "rounds": options.rounds, "seed": options.seed, "rows": rows, "cpus_used": cpus,
            "failures": failures}
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return folder / f"{stem}.txt"


# --- the command line -------------------------------------------------------------------------------------------------

def chosen(text, known, what):
    """The entries of a comma-separated list, each checked against what there is."""
    names = [name for part in text for name in part.split(",") if name]
    for name in names:
        if name not in known:
            sys.exit(f"run.py: there is no {what} '{name}'; choose from: {' '.join(known)}")
    return names


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("mode", nargs="?", choices=["scaling"],
                        help="instead of the table: the same work with 1, 2, 4, ... processors, as many as the machine has")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 7, with --quick 3)")
    parser.add_argument("--quick", action="store_true", help="short loops, fewer goroutines, no warm-up: to try things out")
    parser.add_argument("--only", action="append", default=[], metavar="WORKLOAD", help="only these (comma-separated)")
    parser.add_argument("--runtimes", action="append", default=[], metavar="RUNTIME", help="only these (comma-separated)")
    parser.add_argument("--procs", action="append", default=[], metavar="N", help="numbers of processors (default 1,2)")
    parser.add_argument("--cpu-time", action="store_true",
                        help="measure work in CPU time of the process, on one processor: for a machine that is not idle")
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "bench")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the shuffling")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (3 if options.quick else 7)
    if options.rounds < 1:
        sys.exit("run.py: --rounds must be at least 1")
    only = chosen(options.only, [w.name for w in WORKLOADS], "workload")
    runtimes = chosen(options.runtimes, [r.name for r in RUNTIMES], "runtime")
    possible = ["1", "2", "4", "8", "16", "32", "64"]
    options.processors = [int(p) for p in chosen(options.procs, possible, "number of processors")] or ([1] if options.cpu_time else [1, 2])
    options.workloads = [w for w in WORKLOADS if not only or w.name in only]
    options.chosen_runtimes = [r for r in RUNTIMES if not runtimes or r.name in runtimes]
    options.complete = not (options.quick or options.cpu_time or only or runtimes or options.procs)
    if options.mode == "scaling":
        machine = len(os.sched_getaffinity(0))
        options.processors = [p for p in (1, 2, 4, 8, 16) if p <= machine]
        options.workloads = [dataclasses.replace(w, processors=tuple(options.processors), hidden=())
                             for w in options.workloads if w.name in SCALING]
        options.chosen_runtimes = [r for r in options.chosen_runtimes if r.name in ("go", "gossamer", "tbb")]
    return options


def main(arguments):
    options = parse(arguments)
    random.seed(options.seed)
    build = options.build_dir.resolve()
    programs, problems, go_version = build_all(build, options.chosen_runtimes, options.workloads)
    runtimes = [r for r in options.chosen_runtimes if any(name == r.name for _, name in programs)]
    facts = describe_machine(build, go_version, options.chosen_runtimes)
    if os.getloadavg()[0] > 0.5:
        print(f"The machine is not idle (load {os.getloadavg()[0]:.2f}): the figures will be too large and vary.")

    steps = list(plan(options.workloads, runtimes, programs, options.processors, options.rounds, not options.quick))
    start = time.monotonic()
    options.interrupted = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = run_all(steps, programs, problems, options)
    minutes = (time.monotonic() - start) / 60

    head = [f"{name + ':':<14} {value}" for name, value in facts.items()]
    head.append(f"{'rounds:':<14} {options.rounds}{' (quick)' if options.quick else ''}{' (interrupted)' if options.interrupted else ''}, {minutes:.1f} min, seed {options.seed}")
    if options.cpu_time:
        head.append(f"{'clock:':<14} CPU time of the process; only latencies and the wall time of sleepers are time passed")
    rows = rows_of(results, options.workloads, runtimes, options.processors)
    if options.mode == "scaling":
        rows = [row for row in rows if row.metric in SCALING[row.workload.name]]
        most = max(options.processors)
        foot = ["", f"This machine has {len(os.sched_getaffinity(0))} processors: more than {most} have not been tried."]
        shown = scaling_table(rows, runtimes)
    else:
        foot = ["", "median of all rounds; /Go: ratio to Go's median, below 1 is better; cpu: processors really used by the run;",
                "others: the best of ten other runtimes, quoted (bench/goals.py); spread: largest distance between the quartiles of one",
                "runtime, as part of its median; -: cannot do it; !: failed in some rounds. Method: bench/README.md", "", summary(rows)]
        shown = table(rows, runtimes)
    notes = failure_notes(results)
    notes += [f"  {w.name} {name}: left out, {why}" for w in options.workloads for name, why in w.without.items()
              if name in [r.name for r in runtimes]]
    if notes:
        foot += ["", "failed, skipped or left out:"] + notes
    text = "\n".join(head + [""] + [shown] + foot)
    whole = options.complete and not options.interrupted
    stem = (options.mode or "latest") if whole else "partial"
    path = write_results(stem, text, facts, results, options)
    print("\n" + text + f"\n\nwritten to {os.path.relpath(path)} and {os.path.relpath(path.with_suffix('.json'))}")
    if options.mode is None and any(row.ratio("gossamer") is not None for row in rows):
        path.with_suffix(".svg").write_text(chart(rows, runtimes, facts), encoding="utf-8")
        print(f"the chart: {os.path.relpath(path.with_suffix('.svg'))}")
    really_failed = any(not t.startswith("skipped") for texts in results.failures.values() for t in texts)
    return 1 if really_failed or options.interrupted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
