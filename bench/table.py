"""The text table of a run: a line for each workload, metric and number of processors, with all runtimes and the goal."""

import statistics

from goals import GOALS

BASELINE = "go"
OURS = "gossamer"


def short(value):
    """Three significant digits, without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def ratio_text(ratio):
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}" if ratio < 10 else short(ratio)


class Row:
    """One line: medians of all runtimes, and what they amount to."""

    def __init__(self, results, workload, procs, metric, runtimes):
        self.workload, self.procs, self.metric = workload, procs, metric
        self.unit = results.units.get((workload.name, metric), "")
        self.goal = GOALS.get((workload.name, metric, procs))
        self.medians = {r.name: results.median(workload.name, procs, metric, r.name) for r in runtimes}
        self.failed = {r.name: results.failures.get((workload.name, procs, r.name)) for r in runtimes}
        self.cpus = {r.name: statistics.median(c) for r in runtimes
                     if (c := results.cpus.get((workload.name, procs, r.name)))}
        self.values = {r.name: results.values.get((workload.name, procs, metric, r.name), []) for r in runtimes}

    def ratio(self, runtime):
        base, value = self.medians.get(BASELINE), self.medians.get(runtime)
        return value / base if base and value is not None else None

    def verdict(self):
        """'met', 'missed' or '' where there is no goal or no figure."""
        if self.goal is None or self.medians.get(OURS) is None:
            return ""
        if self.goal.amount:
            return "met" if self.medians[OURS] <= self.goal.amount * 1.005 else "missed"  # half a percent: what is left of the program
        ratio = self.ratio(OURS)
        return "" if ratio is None else "met" if round(ratio, 3) <= self.goal.ratio else "missed"

    def cell(self, runtime):
        """Median, ratio to the baseline, processors used: three texts."""
        median, failed = self.medians[runtime], self.failed[runtime]
        if median is None:
            return ("-" if not failed else "skipped" if failed[0].startswith("skipped") else "FAILED"), "", ""
        ratio = self.ratio(runtime)
        shown = "" if ratio is None or runtime == BASELINE else ratio_text(ratio)
        return short(median) + ("!" if failed else ""), shown, f"{self.cpus[runtime]:.1f}"

    def spread(self):
        """The largest distance between the quartiles of a runtime's values, as a part of its median."""
        worst = None
        for values in self.values.values():
            if len(values) >= 3 and statistics.median(values) > 0:
                low, _, high = statistics.quantiles(values, n=4, method="inclusive")
                worst = max(worst or 0.0, (high - low) / statistics.median(values))
        return "" if worst is None else f"{worst * 100:.0f}%"


def rows_of(results, workloads, runtimes, procs_wanted):
    return [Row(results, workload, procs, metric, runtimes)
            for workload in workloads
            for metric in results.metrics(workload.name) or ["?"] if metric not in workload.hidden
            for procs in workload.numbers_of_processors(procs_wanted)]


def table(rows, runtimes):
    """The whole table as text."""
    lines = [["workload", "what", "P", "unit"], ["", "", "", ""]]
    for runtime in runtimes:
        base = runtime.name == BASELINE
        lines[0] += [runtime.title] + ([] if base else [""]) + [""]
        lines[1] += ["median"] + ([] if base else ["/Go"]) + ["cpu"]
        if runtime.name == OURS:
            lines[0] += ["goal", ""]
            lines[1] += ["/Go", ""]
    lines[0] += ["others", "spread"]
    lines[1] += ["best /Go", ""]
    for row in rows:
        texts = [row.workload.name, row.metric, str(row.procs), row.unit]
        for runtime in runtimes:
            value, ratio, cpu = row.cell(runtime.name)
            texts += [value] + ([] if runtime.name == BASELINE else [ratio]) + [cpu]
            if runtime.name == OURS:
                goal = row.goal
                texts += ["" if goal is None else f"{short(goal.amount)} {row.unit}" if goal.amount else f"{goal.ratio:g}",
                          row.verdict()]
        texts += [f"{row.goal.other:g}" if row.goal else "", row.spread()]
        lines.append(texts)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = []
    for number, line in enumerate(lines):
        texts = [t.ljust(w) if i < 2 or i == 3 else t.rjust(w) for i, (t, w) in enumerate(zip(line, widths))]
        shown.append("  ".join(texts).rstrip())
        if number == 1:
            shown.append("")
    shown[2] = "-" * max(len(line) for line in shown)
    return "\n".join(shown)


def summary(rows):
    verdicts = [row.verdict() for row in rows]
    missed = [f"{row.workload.name} {row.metric} {row.procs}P" for row in rows if row.verdict() == "missed"]
    met = verdicts.count("met")
    text = f"{met} of {met + len(missed)} goals met"
    return text + (f"; missed: {', '.join(missed)}" if missed else "")


def scaling_table(rows, runtimes):
    """How much more each runtime does with more processors: throughput as a multiple of its own with one."""
    ours = [runtime for runtime in runtimes if runtime.name in (BASELINE, OURS)]
    procs = sorted({row.procs for row in rows})
    lines = [f"{'throughput, with one processor = 1':<36}" + "".join(f"{p:>7}P" for p in procs)]
    for name, metric in dict.fromkeys((row.workload.name, row.metric) for row in rows):
        of_this = {row.procs: row for row in rows if (row.workload.name, row.metric) == (name, metric)}
        rate = of_this[min(of_this)].unit == "1/s"
        for runtime in ours:
            first = of_this[min(of_this)].medians.get(runtime.name)
            cells = ""
            for p in procs:
                value = of_this[p].medians.get(runtime.name) if p in of_this else None
                gain = None if not first or not value else value / first if rate else first / value
                cells += f"{'-' if gain is None else f'{gain:.2f}':>8}"
            lines.append(f"{name + ' ' + metric:<24}{runtime.title:<12}{cells}")
    return "\n".join(lines)


def failure_notes(results):
    """One line per workload, processors and runtime that failed at least once."""
    return [f"  {workload} {procs}P {runtime}: {len(texts)}x {'; '.join(dict.fromkeys(texts))}"
            for (workload, procs, runtime), texts in sorted(results.failures.items())]
