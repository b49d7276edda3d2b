"""Quantiles of true / estimated slowdown over the co-locations of a lab campaign: where the allowances of collector/slowdown.h come from.

usage: slowdown_lab.py FOLDER      with runs.jsonl (the load generators' figures) and sessions.tar.xz (what was recorded meanwhile)

Truth: throughput alone / shared, medians of the repeats. Estimate: the session's own; what it could not attribute of the requests' time
(`unknown`: those sessions' logs of waits were short) is taken for the neighbours'. Victims with requests only; synthetic pressure counts
as a neighbour. Per core: (true / estimated - 1) / cores that the neighbours used, of one at most.
"""
import collections
import json
import os
import sqlite3
import statistics
import sys
import tarfile
import tempfile

DISK = 3000  # requests per second of the neighbours that make them disk neighbours
QUIET = 300


def quantile(values, p):
    values = sorted(values)
    at = (len(values) - 1) * p
    low = int(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


def reading(path, victim):
    """(estimated slowdown, cores used by neighbours, their disk requests per second, own share of sleep on disk) of one session, warm-up and end left out; None without requests."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    window = "interval > 2 AND interval < (SELECT max(id) FROM interval)"
    length = db.execute(f"SELECT sum(end_ns - start_ns) FROM interval WHERE {window.replace('interval >', 'id >').replace('interval <', 'id <')}").fetchone()[0]
    time, delayed, requests, slept = db.execute(f"SELECT sum(work_time_ns), sum(work_delayed_ns), sum(req_count), sum(req_disk_ns) FROM named_sample WHERE name = ? AND {window}", (victim,)).fetchone()
    if not time or not requests:
        return None
    unknown = db.execute(f"SELECT coalesce(sum(delay_ns), 0) FROM named_blame WHERE resource = 'request' AND victim = ? AND culprit = 'unknown' AND {window}", (victim,)).fetchone()[0]
    others = db.execute("SELECT coalesce(sum(cpu_on_ns), 0), coalesce(sum(disk_reads_count + disk_writes_count), 0) FROM named_sample "
                        f"WHERE name NOT IN (?, ?, 'kernel', 'irq') AND {window}", (victim, victim + ".load")).fetchone()
    return time / (time - min(delayed + unknown, 0.99 * time)), others[0] / length, others[1] * 1e9 / length, slept / time


folder = sys.argv[1]
with open(f"{folder}/runs.jsonl") as f:
    runs = [r for r in map(json.loads, f) if r["ok"]]
alone, shared, readings = (collections.defaultdict(list) for _ in range(3))
with tempfile.TemporaryDirectory() as work:
    with tarfile.open(f"{folder}/sessions.tar.xz") as tar:
        tar.extractall(work)
    where = {name: os.path.join(at, name) for at, _, names in os.walk(work) for name in names}
    for r in runs:
        services = [p for p in r["setup"].split("+") if not p.startswith("press")]
        for service, figures in zip(services, r["truth"]):
            if "+" not in r["setup"]:
                alone[service].append(figures[0])
                continue
            got = reading(where[f"{r['setup']}.{r['repeat']}.db"], service)
            if got:
                shared[r["setup"], service].append(figures[0])
                readings[r["setup"], service].append(got)

rows = []
print("| victim | beside | true | estimated | neighbours' cores | their disk requests/s |\n|---|---|---|---|---|---|")
for (setup, victim), got in sorted(readings.items(), key=lambda i: (i[0][0].count("+"), i[0][1], i[0][0])):
    true = statistics.median(alone[victim]) / statistics.median(shared[setup, victim])
    estimated, cores, requests, slept = (statistics.mean(c) for c in zip(*got))
    rows.append((setup.count("+"), true, estimated, cores, requests, slept))
    print(f"| {victim} | {setup.replace(victim, '').strip('+').replace('++', '+')} | {true:.2f} | {estimated:.2f} | {cores:.2f} | {requests:.0f} |")


def show(what, chosen, ratio, unit):
    values = [ratio(r) for r in chosen]
    print(f"\n{what}: {len(chosen)} co-locations, mean absolute error {100 * statistics.mean(abs(r[2] / r[1] - 1) for r in chosen):.1f} %; "
          f"5, 50, 95 % quantile {', '.join(f'{quantile(values, p):+.2f}' for p in (0.05, 0.5, 0.95))} {unit}")


def per_core(r):
    return (r[1] / r[2] - 1) / min(max(r[3], 0.05), 1)


pairs = [r for r in rows if r[0] == 1]
print(f"\nAll pairs: {len(pairs)} co-locations, mean absolute error {100 * statistics.mean(abs(r[2] / r[1] - 1) for r in pairs):.1f} %")
show("Pairs without disk neighbours", [r for r in rows if r[0] == 1 and r[4] < QUIET], per_core, "per core")
show("All without disk neighbours", [r for r in rows if r[4] < QUIET], per_core, "per core")
DEARER = 0.32  # of the first line: what is left of the error beside disk neighbours is beyond it


def beyond(r):
    return r[1] / r[2] - 1 - DEARER * min(r[3], 1)


some = [r for r in rows if QUIET <= r[4] <= DISK]
if some:
    show(f"Neighbours with {QUIET} to {DISK} disk requests/s", some, lambda r: beyond(r) / r[4] * 1e6, "us per request, beyond that")
many = [r for r in rows if r[4] > DISK]
show(f"Neighbours with more than {DISK}", many, beyond, "of the time, beyond that")
awake = [r for r in many if r[5] < 0.05]
show(f"the same, victims that do not wait for the disk themselves (median {statistics.median(r[4] for r in awake):.0f} requests/s)", awake, beyond, "of the time, beyond that")
