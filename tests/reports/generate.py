#!/usr/bin/env python3
"""Instance, plan and model for report tests: generate.py FOLDER NODES SERVICES SLOTS [SEED]. Placement is first fit, today's is looser."""
import json
import math
import random
import sys

folder, n_nodes, n_services, slots = sys.argv[1], *map(int, sys.argv[2:5])
rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
kinds = ["redis", "kafka", "postgres", "nginx", "spark", "cassandra", "etl", "search", "cache", "api"]
resources = [("cpu_mcpu", "mcpu", slots), ("mem_bytes", "bytes", 1), ("disk_io_per_s", "1/s", slots)]
capacity = {"cpu_mcpu": 16000, "mem_bytes": 64 << 30, "disk_io_per_s": 40000}


def curve(mean, phase):
    return [int(mean * (1 + 0.4 * math.sin(2 * math.pi * (t / slots + phase)))) for t in range(slots)] if slots > 1 else int(mean)


def fits(load, d, share):
    return all(a + b <= c * share for a, b, c in zip(load, d, room))


services, demands = [], []
for i in range(n_services):
    kind, size = kinds[i % len(kinds)], rng.lognormvariate(0, 0.5)
    d = {"cpu_mcpu": curve(900 * size, rng.random()), "mem_bytes": int((3 << 30) * rng.lognormvariate(0, 0.5)),
         "disk_io_per_s": curve(1500 * rng.lognormvariate(0, 0.7), rng.random())}
    services.append({"id": kind if n_services <= len(kinds) else f"{kind}-{i}", "profile": kind, "replicas": 1 if n_services > 60 else 6,
                     "demand": d, "limit": {"ratio": 1.6, "confidence": 0.9}})
    demands.append([v for r, _, s in resources for v in (d[r] if isinstance(d[r], list) else [d[r]])])
room = [v for r, _, s in resources for v in [capacity[r]] * s]


def place(share):
    loads, where, start = [[0] * len(room) for _ in range(n_nodes)], [], 0
    for s, d in zip(services, demands):
        for _ in range(s["replicas"]):
            n = next((k for k in range(start, n_nodes) if fits(loads[k], d, share)), None)
            if n is None:
                n = next((k for k in range(n_nodes) if fits(loads[k], d, 1)), None)
            where.append(n)
            if n is not None:
                loads[n] = [a + b for a, b in zip(loads[n], d)]
            if n is not None and n > start + 20:
                start += 1
    return where


today, planned = place(0.55), place(1.0)
at = 0
for s in services:
    s["current"] = [None if n is None else f"n{n:04d}" for n in today[at:at + s["replicas"]]]
    at += s["replicas"]
nodes = [{"id": f"n{k:04d}", "type": "std", "cost": 410, "capacity": capacity, "labels": {"zone": "abc"[k % 3]}} for k in range(n_nodes)]
items = [(s["id"], r) for s in services for r in range(s["replicas"])]


def name(n):
    return None if n is None else f"n{n:04d}"


moves = [{"service": s, "replica": r, "from": name(a), "to": name(b), "step": k + 1}
         for k, ((s, r), a, b) in enumerate((i, a, b) for i, a, b in zip(items, today, planned) if a != b and b is not None)]
used = len({n for n in planned if n is not None})


def write(file, value):
    with open(f"{folder}/{file}", "w") as out:
        json.dump(value, out)


write("instance.json", {"name": "fleet", "cost_unit": "EUR/month", "slots": slots,
                        "resources": [{"name": r, "unit": u, "slots": s} for r, u, s in resources], "nodes": nodes, "services": services})
write("plan.json", {"instance": "fleet", "nodes_used": used, "cost": used * 410, "cost_unit": "EUR/month", "lower_bound": (used - 1) * 410,
                    "gap_ratio": 1 / max(1, used - 1), "bound_name": "volume", "unplaced": sum(n is None for n in planned), "moves": len(moves),
                    "detours": 0, "unordered_moves": 0, "seed": 1, "iterations": 0, "solve_time_s": 1.5, "solver": "first fit",
                    "utilisation": [], "reasons": [f"{services[0]['id']}: n0000 is the first node with room for its disk_io_per_s at every hour"],
                    "move_list": moves, "placements": [{"service": s, "replica": r, "node": name(n)} for (s, r), n in zip(items, planned)]})
pressures = ["cpu", "disk", "net", "cpu (curve)"]
write("model.json", {"cotenant_model": 1, "metric": "p99", "source": "generated", "advice": "", "pressures": pressures, "node_types": [],
                     "held_out": {"runs": 120, "colocations": 40, "error_ratio": 0.043, "coverage_at_90_ratio": 0.91},
                     "services": [{"name": k, "kind": "measured", "runs": 12, "held_out_error_ratio": 0.04,
                                   "responses": [{"link": "log", "pressure": [rng.random() * 0.2 for _ in pressures],
                                                  "sensitivity": [rng.random() * 0.5 for _ in pressures], "range": [1 for _ in pressures],
                                                  "error_width_ratio": 0.03, "error_growth_ratio": 0.1}]} for k in kinds],
                     "scores": [0.5, 0.9, 1.1, 1.6]})
