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


def alone(repeat, victim, place):
    return figure(f"{repeat}.{victim}.alone{place}")


def slowdowns(victim, place):
    """By repeat: the victim's figure alone, mean of right before and right after, over that beside the neighbour of that place."""
    return [(alone(r, victim, place) + alone(r, victim, place + 1)) / 2 / figure(f"{r}.{victim}.{neighbours[place]}") for r in range(1, repeats + 1)]


def summary(what, errors):
    return f"{what}: mean absolute error {100 * statistics.mean(map(abs, errors)):.1f} %, largest {100 * max(map(abs, errors)):.1f} %"


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
print("Made by `make truth-slowdown`. Truth: operations per second of the victim's own load generator, alone (mean of the runs right before and right "
      f"after) ÷ shared,\nmean of {repeats} repeats of {seconds} s and its range; estimate: `cotenant report` on the shared run's session alone "
      "(docs/requests.md), mean, with its interval.\n"
      "Neighbours: `cpu` computes; `disk` writes 2,000 times 16 KiB per second, directly; `net` moves data over loopback; `writer` writes 64 KiB at "
      "depth 8, all that\nthe disk gives, which in a virtual machine slows down the machine itself.\n")
print("| victim | neighbour | true | range | estimated | interval | error |")
print("|---|---|---|---|---|---|---|")
errors, inside, hard, changes, works = [], 0, [], [], []
for v in victims:
    for i, n in enumerate(neighbours):
        truth = slowdowns(v, i)
        mean = statistics.mean(truth)
        got, low, high = (statistics.mean(c) for c in zip(*(estimate(f"{r}.{v}.{n}", v) for r in range(1, repeats + 1))))
        errors.append((got - mean) / mean)
        if n == "writer":
            hard.append(len(errors) - 1)
        inside += low <= mean <= high
        print(f"| {v} | {n} | {mean:.2f} | {min(truth):.2f} – {max(truth):.2f} | {got:.2f} | {low:.2f} – {high:.2f} | {100 * errors[-1]:+.1f} % |")
    names = [(r, i) for r in range(1, repeats + 1) for i in range(len(neighbours) + 1)]
    rates = [alone(r, v, i) for r, i in names]
    changes += [abs(b / a - 1) for (r, i), a, b in zip(names, rates, rates[1:]) if i < len(neighbours)]
    works += [own_work(f"{r}.{v}.alone{i}") for r, i in names]
    print(f"| {v} | (alone) | 1 | ± {50 * (max(rates) - min(rates)) / statistics.mean(rates):.1f} % | "
          f"{statistics.mean(estimate(f'{r}.{v}.alone{i}', v)[0] for r, i in names):.2f} | | |")
easy = [i for i in range(len(errors)) if i not in hard]
print(f"\n{summary(f'{len(errors)} pairings', errors)}; the interval holds the truth in {inside} of {len(errors)}.")
if hard and easy:
    print(f"{summary('Without `writer`', [errors[i] for i in easy])}. {summary('`writer` alone', [errors[i] for i in hard])}.")
print(f"Noise of the truth: two runs alone, one neighbour apart, differ by {100 * statistics.median(changes):.1f} % (median; at most {100 * max(changes):.0f} %). The machine's own "
      f"speed, by the CPU time of the\nrecorder's readings, which do the same work every time, changed by up to {100 * (max(works) / min(works) - 1):.0f} % between runs alone.")
