"""Table of truth_slowdown.sh: estimated beside true slowdown, pairing by pairing. usage: truth_slowdown.py FOLDER REPEATS SECONDS VICTIMS NEIGHBOURS"""
import json
import re
import sqlite3
import statistics
import sys

folder, repeats, seconds, victims, neighbours = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].split(), sys.argv[5].split()


def figure(name):
    with open(f"{folder}/{name}.out") as f:
        return float(re.search(r"throughput=([0-9.]+)", f.read())[1])


def own_work(name):
    """CPU time of the recorder per reading, which is the same work every time: how slow the machine was in that run."""
    db = sqlite3.connect(f"file:{folder}/{name}.db?mode=ro", uri=True)
    return statistics.median(ns for ns, in db.execute("SELECT collector_ns FROM interval WHERE id > 2"))


def figures(victim, beside):
    """The generator's figures by repeat, brought to the machine's speed in the fastest of them: a shared host's speed changes in seconds."""
    names = [f"{r}.{victim}.{beside}" for r in range(1, repeats + 1)]
    works = [own_work(n) for n in names]
    return [figure(n) * w / min(works) for n, w in zip(names, works)], max(works) / min(works)


def find(node, wanted):
    """The table of that id, wherever it stands in the document."""
    if isinstance(node, dict):
        if node.get("id") == wanted and "rows" in node:
            return node
        node = node.values()
    elif not isinstance(node, list):
        return None
    return next((t for t in (find(child, wanted) for child in node) if t), None)


def estimate(name, victim):
    with open(f"{folder}/{name}.json") as f:
        table = find(json.load(f), "services")
    keys = [c["key"] if isinstance(c, dict) else c for c in table["columns"]]
    row = next(dict(zip(keys, r)) for r in table["rows"] if r[0] == victim)
    return row["slowdown_ratio"], row["slowdown_low_ratio"], row["slowdown_high_ratio"]


print("# Estimated slowdown against the truth\n")
print("Made by `make truth-slowdown`. Truth: operations per second of the victim's own load generator, alone ÷ shared, "
      f"mean of {repeats} interleaved\nrepeats of {seconds} s and its range; estimate: `cotenant report` on the shared run's session alone "
      "(docs/requests.md), mean, with its interval. A run's figure is brought to\nthe machine's speed in the fastest repeat of its kind, by the CPU time "
      "that the recorder's own readings took: the same work every time.\n"
      "Neighbours: `cpu` computes; `disk` writes 2,000 times 16 KiB per second, directly; `net` moves data over loopback; `writer` writes 64 KiB at "
      "depth 8, all that\nthe disk gives, which in a virtual machine slows down the machine itself: seen by nobody in it.\n")
print("| victim | neighbour | true | range | estimated | interval | error |")
print("|---|---|---|---|---|---|---|")
errors, inside, hard, changes = [], 0, [], []
for v in victims:
    alone, change = figures(v, "alone")
    changes.append(change)
    for n in neighbours:
        shared, change = figures(v, n)
        changes.append(change)
        truth = [a / s for a, s in zip(alone, shared)]
        mean = statistics.mean(truth)
        got, low, high = (statistics.mean(c) for c in zip(*(estimate(f"{r}.{v}.{n}", v) for r in range(1, repeats + 1))))
        errors.append((got - mean) / mean)
        if n == "writer":
            hard.append(errors[-1])
        inside += low <= mean <= high
        print(f"| {v} | {n} | {mean:.2f} | {min(truth):.2f} – {max(truth):.2f} | {got:.2f} | {low:.2f} – {high:.2f} | {100 * errors[-1]:+.1f} % |")
    spread = (max(alone) - min(alone)) / statistics.mean(alone)
    print(f"| {v} | (alone) | 1 | ± {50 * spread:.1f} % | {statistics.mean(estimate(f'{r}.{v}.alone', v)[0] for r in range(1, repeats + 1)):.2f} | | |")
print(f"\n{len(errors)} pairings: mean absolute error {100 * statistics.mean(map(abs, errors)):.1f} %, largest {100 * max(map(abs, errors)):.1f} %; "
      f"the interval holds the truth in {inside} of {len(errors)}.")
if hard and len(hard) < len(errors):
    easy = [e for e in errors if e not in hard]
    print(f"Without `writer`: {100 * statistics.mean(map(abs, easy)):.1f} %, largest {100 * max(map(abs, easy)):.1f} %; `writer` alone: "
          f"{100 * statistics.mean(map(abs, hard)):.1f} %, largest {100 * max(map(abs, hard)):.1f} %.")
print(f"The machine's own speed changed by up to {100 * (max(changes) - 1):.0f} % between repeats (median {100 * (statistics.median(changes) - 1):.0f} %).")
