"""What each row of the table is to reach, and what the best of the others reached: data, and nothing else.

A goal is a ratio to Go on the same machine, or an amount in the row's own unit. The figures of others were measured side by
side with Go on 2026-11-21, each at its best settings: ten runtimes (PhotonLibOS 4dd45701, marl b8406ab, libgo 17d915b,
TooManyCooks 6f18dfd, libfork 2f359cda, brpc's bthread 71871ee9, neco 9e8e19e, libmill e8937e6, tokio 1.53.2, oneTBB 2021.8,
Boost.Fiber 1.83), Go 1.26.10, on a virtual machine with two "Intel Xeon" processors and Linux 6.18. They are quoted: run.py
does not run them again, except those that Debian ships.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Goal:
    ratio: float = 0      # of Go's median
    amount: float = 0     # in the row's unit, where it is not a ratio
    other: float = 0      # the best other runtime's ratio to Go
    who: str = ""


# (workload, metric, processors)
GOALS = {
    ("yield", "switch", 1): Goal(0.05, other=0.09, who="libmill"),
    ("yield", "switch", 2): Goal(0.06, other=0.08, who="libgo"),
    ("spawn", "goroutine", 1): Goal(0.07, other=0.20, who="TooManyCooks, stackless"),
    ("spawn", "goroutine", 2): Goal(0.12, other=0.24, who="TooManyCooks, stackless"),
    ("pingpong", "round_trip", 1): Goal(0.06, other=0.25, who="TooManyCooks, stackless"),
    ("pingpong", "round_trip", 2): Goal(0.12, other=0.95, who="tokio, stackless"),
    ("chan", "1x1", 1): Goal(0.20, other=0.53, who="Boost.Fiber"),
    ("chan", "1x1", 2): Goal(0.25, other=0.39, who="Boost.Fiber, on one processor"),
    ("chan", "4x4", 1): Goal(0.25, other=0.51, who="Boost.Fiber"),
    ("chan", "4x4", 2): Goal(0.35, other=1.00, who="nobody ahead of Go"),
    ("select", "unbuffered", 1): Goal(0.12, other=0.30, who="libmill"),
    ("select", "unbuffered", 2): Goal(0.20, other=1.14, who="tokio, stackless"),
    ("select", "buffered", 1): Goal(0.20, other=0.50, who="PhotonLibOS, polling"),
    ("select", "buffered", 2): Goal(0.25, other=0.46, who="tokio, stackless"),
    ("mutex", "lock_unlock", 1): Goal(0.35, other=0.60, who="libgo"),
    ("mutex", "lock_unlock", 2): Goal(0.20, other=0.23, who="bthread"),
    ("skynet", "wall", 1): Goal(0.08, other=0.74, who="bthread"),
    ("skynet", "wall", 2): Goal(0.08, other=0.59, who="bthread"),
    ("fib", "wall", 1): Goal(0.15, other=1.96, who="bthread"),
    ("fib", "wall", 2): Goal(0.10, other=1.23, who="bthread"),
    ("fork_join", "wall", 1): Goal(0.05, other=0.03, who="libfork, stackless"),
    ("fork_join", "wall", 2): Goal(0.025, other=0.016, who="libfork, stackless"),
    ("parked", "memory", 1): Goal(amount=4850, other=1.63, who="bthread, neco; without page tables"),
    ("parked", "create", 1): Goal(1.0, other=1.46, who="marl"),
    ("parked", "release", 1): Goal(0.5, other=1.74, who="marl"),
    ("spawned", "memory", 1): Goal(amount=256, other=0.06, who="TooManyCooks, stackless"),
    ("sleepers", "cpu", 1): Goal(0.35, other=0.38, who="tokio, stackless"),
    ("sleepers", "wall", 1): Goal(0.30, other=0.31, who="tokio, stackless"),
    ("sleepers_100k", "late_p99", 1): Goal(0.04, other=0.04, who="tokio, in whole milliseconds"),
    ("echo", "cpu", 1): Goal(0.88, other=0.84, who="PhotonLibOS, io_uring"),
}
