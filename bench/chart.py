"""The chart of a run as SVG, written by hand: for each row with a goal the ratio to Go, on a logarithmic scale.

A bar is gossamer, green where the goal is met; a tick is the goal, a ring another runtime of this run, a grey diamond the best
of those that are quoted. The line at 1 is Go. Shorter is faster.
"""

import html
import math

from table import OURS, BASELINE, ratio_text, short

LEFT, WIDTH, RIGHT, LINE, TOP = 265, 620, 150, 20, 96
LOW, HIGH = 0.01, 12.0
COLOURS = {"boost_fiber": "#8b5cf6", "tbb": "#d97706", "epoll": "#0891b2"}


def x_of(ratio):
    share = (math.log(min(max(ratio, LOW), HIGH)) - math.log(LOW)) / (math.log(HIGH) - math.log(LOW))
    return LEFT + share * WIDTH


def goal_ratio(row):
    if not row.goal.amount:
        return row.goal.ratio
    base = row.medians.get(BASELINE)
    return row.goal.amount / base if base else None


def text(x, y, content, anchor="start", size=12, colour="#1f2937", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
            f'font-weight="{weight}">{html.escape(content)}</text>')


def legend(runtimes):
    y, x, parts = 72, LEFT, []
    for colour, content in (("#16a34a", "gossamer, goal met"), ("#dc2626", "goal missed")):
        parts += [f'<rect x="{x}" y="{y - 9}" width="14" height="10" fill="{colour}"/>', text(x + 19, y, content, size=11)]
        x += 24 + 6.2 * len(content)
    parts += [f'<line x1="{x + 5}" y1="{y - 11}" x2="{x + 5}" y2="{y + 2}" stroke="#111827" stroke-width="3"/>', text(x + 13, y, "goal", size=11)]
    x += 48
    parts += [diamond(x + 5, y - 4), text(x + 15, y, "best other, quoted", size=11)]
    x += 130
    for runtime in runtimes:
        if runtime.name in COLOURS:
            parts += [ring(x + 5, y - 4, COLOURS[runtime.name]), text(x + 14, y, runtime.title, size=11)]
            x += 26 + 6.4 * len(runtime.title)
    return parts


def ring(x, y, colour):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="white" stroke="{colour}" stroke-width="2"/>'


def diamond(x, y):
    return f'<path d="M{x:.1f} {y - 5:.1f} l5 5 l-5 5 l-5 -5 z" fill="#9ca3af"/>'


def chart(rows, runtimes, facts):
    rows = [row for row in rows if row.goal is not None and row.ratio(OURS) is not None]
    height = TOP + LINE * len(rows) + 46
    total = LEFT + WIDTH + RIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height}" viewBox="0 0 {total} {height}" '
             'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
             f'<rect width="{total}" height="{height}" fill="white"/>',
             text(16, 28, "gossamer beside Go: time, or memory, as a part of Go's (shorter is better)", size=16, weight="bold"),
             text(16, 48, f"{facts['machine']}; {facts['kernel']}; {facts['C++']}; {facts.get('Go', 'no Go')}; {facts['date']}", size=11,
                  colour="#4b5563")]
    parts += legend(runtimes)
    bottom = TOP + LINE * len(rows)
    for mark in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10):
        x = x_of(mark)
        strong = mark == 1
        parts += [f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{"#111827" if strong else "#e5e7eb"}" '
                  f'stroke-width="{1.5 if strong else 1}"/>',
                  text(x, bottom + 16, "Go" if strong else f"{mark:g}", "middle", 11, "#111827" if strong else "#6b7280")]
    before = None
    for number, row in enumerate(rows):
        y = TOP + LINE * number
        name = row.workload.name
        if name != before and number:
            parts.append(f'<line x1="16" y1="{y}" x2="{total - 16}" y2="{y}" stroke="#e5e7eb"/>')
        before = name
        middle = y + LINE / 2
        ratio = row.ratio(OURS)
        colour = "#16a34a" if row.verdict() == "met" else "#dc2626"
        parts += [text(LEFT - 10, middle + 4, f"{name}  {row.metric}, {row.procs} P", "end"),
                  f'<rect x="{LEFT}" y="{y + 4}" width="{max(x_of(ratio) - LEFT, 1):.1f}" height="{LINE - 8}" fill="{colour}"/>']
        if row.goal.other:
            parts.append(diamond(x_of(row.goal.other), middle))
        for runtime in runtimes:
            other = row.ratio(runtime.name)
            if runtime.name in COLOURS and other is not None:
                parts.append(ring(x_of(other), middle, COLOURS[runtime.name]))
        goal = goal_ratio(row)
        if goal:
            x = x_of(goal)
            parts.append(f'<line x1="{x:.1f}" y1="{y + 2}" x2="{x:.1f}" y2="{y + LINE - 2}" stroke="#111827" stroke-width="3"/>')
        parts.append(text(LEFT + WIDTH + 10, middle + 4, f"{ratio_text(ratio)}   {short(row.medians[OURS])} {row.unit}", size=11))
    parts += [text(LEFT + WIDTH + 10, TOP - 10, "ratio, median", size=11, colour="#6b7280"),
              text(16, height - 10, "Logarithmic scale. Medians of all rounds, every runtime interleaved in one run; method: bench/README.md",
                   size=11, colour="#6b7280"), "</svg>"]
    return "\n".join(parts) + "\n"
