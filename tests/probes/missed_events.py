"""Which completions of disk requests BPF programs do not see: the kernel's own trace of them, beside what the disk probe counts as lost.

usage: missed_events.py BUILD [SECONDS]      as root, with fio and losetup; docs/truth-disk.md

Two fio jobs read a loop device in memory while `cotenant record` runs; block_rq_complete is traced through tracefs in an instance of
its own. Completions are mostly interrupts on top of whatever thread runs: the trace names it.
"""
import collections
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

EVENT = "block_rq_complete"
build, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "4"


def out(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def put(file, text):
    with open(os.path.join(instance, file), "w") as f:
        f.write(text)


def init_threads():
    return set(os.listdir("/proc/1/task"))


def measure():
    init = init_threads()
    recorder = subprocess.Popen([f"{build}/cotenant", "record", "--quiet", "--budget", "0", "--duration", "100s", "-o", session])
    try:
        while not os.path.exists(session):
            time.sleep(0.1)
        put("buffer_size_kb", "32768")
        put(f"events/block/{EVENT}/enable", "1")
        jobs = [subprocess.Popen(["fio", "--name=t", "--bs=4k", "--size=32m", "--ioengine=libaio", "--time_based", f"--runtime={seconds}", "--rw=randread",
                                  "--direct=1", f"--iodepth={depth}", f"--filename={device}"], stdout=subprocess.DEVNULL) for depth in (32, 8)]
        for job in jobs:
            job.wait()
        put("tracing_on", "0")
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait()
    met = collections.Counter()
    with open(os.path.join(instance, "trace")) as f:
        for line in f:
            thread = re.match(r" *(.*)-(\d+) +\[", line)
            if thread and EVENT in line:
                met[thread[2]] += 1
    init |= init_threads()
    lost = sqlite3.connect(session).execute("SELECT losses FROM probe WHERE name = 'disk'").fetchone()[0]
    print(f"completions traced {sum(met.values())}, on top of threads of process 1 {sum(met[pid] for pid in init)}; the disk probe lost {lost}")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
work = tempfile.mkdtemp(dir="/dev/shm")
root, image, session = (os.path.join(work, n) for n in ("trace", "image", "session.db"))
instance = os.path.join(root, "instances", os.path.basename(work))
os.mkdir(root)
out("mount", "-t", "tracefs", "none", root)
os.mkdir(instance)
out("truncate", "-s", "64M", image)
device = out("losetup", "-f", "--show", image).strip()
try:
    measure()
finally:
    put(f"events/block/{EVENT}/enable", "0")
    out("losetup", "-d", device)
    os.rmdir(instance)
    out("umount", root)
    os.rmdir(root)
    for file in os.listdir(work):
        os.unlink(os.path.join(work, file))
    os.rmdir(work)
