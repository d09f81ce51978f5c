#!/usr/bin/env python3
"""load: starts an HTTP server, loads it with wrk over loopback and reports what a request costs the server.

    load.py SERVER [ARGUMENTS...]

100 connections that stay, one request at a time on each. Where there are two processors the server is kept on one and wrk on the
other, unless BENCH_PROCS is more than 1. What counts is `cpu`: user and system time of the server process per request. The server
must print `port N`; it is ended when the measurement is over.
"""

import os
import re
import shutil
import subprocess
import sys


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(port, seconds, processor):
    """Requests, requests per second, and the 99th percentile in microseconds."""
    command = ["wrk", "-t1", "-c100", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    if processor is not None:
        command = ["taskset", "-c", str(processor)] + command
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in text or re.search(r"(connect|read|write) [1-9]", text):
        sys.exit("http: wrong answers: " + text)
    number, unit = re.search(r"99%\s+([\d.]+)(\w+)", text).groups()
    return (int(re.search(r"(\d+) requests in", text)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit])


def main():
    if shutil.which("wrk") is None:
        sys.exit("http: wrk is missing (Debian: wrk)")
    processors = sorted(os.sched_getaffinity(0))
    apart = len(processors) > 1 and os.environ.get("BENCH_PROCS", "1") == "1"
    command = (["taskset", "-c", str(processors[0])] if apart else []) + sys.argv[1:]
    seconds = max(1, round(float(os.environ.get("BENCH_SECONDS", "0.4")) * 5))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline().split()[1])
            other = processors[1] if apart else None
            wrk(port, 1, other)
            before = cpu_seconds(server.pid)
            requests, rate, p99 = wrk(port, seconds, other)
            used = cpu_seconds(server.pid) - before
        finally:
            server.kill()
    print(f"http cpu {used * 1e6 / requests:.3f} us")
    print(f"http rate {rate:.0f} 1/s")
    print(f"http p99 {p99:.0f} us")


if __name__ == "__main__":
    main()
