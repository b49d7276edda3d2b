/*
 * What BPF programs and user space agree on: slots, their map, the per-task record, the CPU probe's per-CPU state.
 * Compiled by gcc and by clang for BPF; fixed width, explicit padding. A change of any layout raises EVENTS_VERSION.
 *
 * A slot is a small number that stands for a service during a recording: 0 .. SLOT_PSEUDOS-1 are the pseudo culprits,
 * SLOT_FIRST .. SLOTS-1 are services. Every kernel identity of a service (v2 cgroup id, v1 ids, process trees) leads to
 * its slot through the map `slot_map`; nested cgroups roll up to the nearest selected ancestor; what is not found is
 * SLOT_OTHER, kernel threads are SLOT_KERNEL. After any change of the map user space raises slot_ctl.generation, which
 * makes every cached slot stale. probes_slot_set() (probes/probe.h) does both.
 */
#ifndef PROBES_EVENTS_H
#define PROBES_EVENTS_H

#include <linux/types.h>

#include "probes/hist.h"

#define EVENTS_VERSION 4

enum slot {
	SLOT_OTHER = 0,      /* tasks of no selected service */
	SLOT_KERNEL = 1,     /* kernel threads */
	SLOT_IRQ = 2,        /* interrupts and softirqs */
	SLOT_WAKEUP = 3,     /* the CPU was idle: wake-up on its way, or the scheduler chose not to run the task */
	SLOT_THROTTLE = 4,   /* the victim's own CPU quota */
	SLOT_STEAL = 5,      /* the hypervisor ran something else */
	SLOT_UNKNOWN = 6,    /* not observed */
	SLOT_RESERVED = 7,
	SLOT_PSEUDOS = 8,
	SLOT_FIRST = 8,      /* first service */
	SLOTS = 72,
};

/* Kinds of kernel identity. Ids of different cgroup hierarchies overlap, hence the kind. */
enum slot_kind {
	SLOT_CGROUP2 = 0,    /* v2: inode of the directory */
	SLOT_CPU1 = 1,       /* v1 cpu controller */
	SLOT_BLKIO1 = 2,     /* v1 blkio controller */
	SLOT_MEMORY1 = 3,    /* v1 memory controller */
	SLOT_TREE = 4,       /* thread group id; its later children inherit */
	SLOT_KINDS = 5,
};

#define SLOT_MAP_ENTRIES 16384
#define SLOT_DEPTH 12        /* ancestors looked at before giving up (counted) */

struct slot_key {
	__u64 id;
	__u32 kind;
	__u32 pad;
};

struct slot_ctl {                /* map slot_ctl, one entry, mapped by user space */
	__u32 generation;
	__u32 kinds;             /* bit set of enum slot_kind in use: spares lookups that cannot hit */
	__u64 lost_depth;        /* cgroups nested deeper than SLOT_DEPTH: looked up as SLOT_OTHER */
};

enum task_flag {
	TASK_QUOTA = 1,          /* a cgroup above it has a CPU quota */
	TASK_SERVES = 2,         /* answers or sends requests: its waits are logged one by one (probes/waits.h) */
	TASK_BLOCKED = 4,        /* asleep since sleep_start, uninterruptibly */
	TASK_THROTTLED = 8,      /* its quota was used up when its wait began */
};

/* Task storage, shared by all probes: which slot the task belongs to, and where it waits. Times: CLOCK_MONOTONIC ns. */
struct task_rec {
	__u64 css_set;           /* cache key: task->cgroups when the slot was looked up */
	__u32 generation;        /* cache key: slot_ctl.generation */
	__u16 slot;
	__u16 tree;              /* slot inherited through SLOT_TREE, 0 = none */
	__u64 wait_start;        /* of the whole wait, across migrations; 0 = not waiting */
	__u64 queue_start;       /* on the present CPU's queue */
	__u32 cpu;               /* whose queue */
	__u16 wait_slot;         /* slot under which it was queued */
	__u16 flags;             /* enum task_flag */
	__u64 sleep_start;       /* of a serving thread; 0 = not asleep or not known */
	__u64 throttled_at;      /* start of the watch (cpu_state.since) at which its own quota held it back */
	__u64 settled_at;        /* start of the watch of which it is known whether the task waited all through it */
};

/* One of the latest slices in which somebody waited; slices of one service in a row make one. */
#define RECENT_SLICES 16     /* power of two; more than a wait commonly spans */
#define SHARE_SHIFT 20       /* fixed point of shares of a slice */

struct slice_note {
	__u64 start_ns, end_ns;
	__u64 irq_ns, steal_ns;  /* parts of it */
	__u64 occupant;
};

/* Time that migrated tasks spend on a new queue before its CPU notices: see inbox in struct cpu_state. */
#define INBOX_COUNT_BITS 16
#define NO_PID 0xffffffffu   /* before the first switch */
#define NO_MARK (~0ULL)      /* clock not yet read in this watch */

/* One victim on one CPU. The wait metric and the blame row are two independent sums of the same time:
 *   wait(T)      = wait_done + n * T - start_sum                 from every task's own stamps
 *   blame(T)     = sum(blame) + n * (T - slice_start) - missed   from the CPU's slices
 * so wait = blame at every instant T, to the ns. `missed`: time of the current slice before a waiter came (or, negative,
 * after it left). */
struct cpu_victim {
	__u64 n;                 /* tasks of this slot waiting on this CPU */
	__u64 start_sum;         /* sum of their queue_start */
	__s64 missed;
	__u64 wait_done;         /* ns of waits that ended or left this queue */
	__u64 inbox_seen;        /* how much of inbox has been taken in */
	__u64 cfs_rq;            /* kernel address of a waiter's run queue, for throttle_count; 0 = no quota */
	__u32 listed;            /* stands in cpu_state.list */
	__u32 throttled;         /* its waits in this slice are its own quota's doing */
	__u64 run_ns;            /* on CPU, without interrupts and steal */
	__u64 irq_ns;            /* interrupts while it was on the CPU */
	__u64 steal_ns;          /* the hypervisor ran something else meanwhile */
	__u64 run_before_ns;     /* run_ns and irq_ns when the watch began */
	__u64 irq_before_ns;
	__u64 irq_watched_ns;    /* time on the CPU during which interrupts were watched, and what they took of it; only where ... */
	__u64 irq_measured_ns;   /* ... the kernel has no such clock itself */
	__u64 irq_rate;          /* of the rest, 2^-SHARE_SHIFT; user space takes it from these two */
	__u64 switches;          /* switches to it */
	__u64 preemptions;       /* switched out while it could have run on */
	__u64 migrations;
	__u64 waits;             /* waits that ended */
	__u64 blame[SLOTS];      /* ns by culprit */
	__u32 wait_hist[HIST_BUCKETS]; /* whole waits by length */
};

/* Everything about one CPU; entry `cpu` of the map cpu_states. Written only under that CPU's run-queue lock, except inbox and
 * spanning, to which any CPU adds atomically, and what user space sets between watches (cpu_watch.c). seq is odd while an update is
 * under way: readers retry (sequence lock). Events count from `since` to `until`, the same times on every CPU. */
struct cpu_state {
	__u64 seq;
	__u64 slice_start;
	__u64 last_start;        /* of the slice before */
	__u64 since;             /* the watch began */
	__u64 until;             /* it ends; = since: nothing counts */
	__u64 irq_mark;          /* irq clock at slice_start */
	__u64 steal_mark;
	__u32 occupant;          /* slot on the CPU since slice_start; SLOT_WAKEUP = idle */
	__u32 n_list;            /* victims with waiters (or missed time) */
	__u64 inbox_taken;
	__u64 inbox_total;       /* number of arrivals; atomic */
	__u64 irq_ns;            /* total of interrupts on this CPU, where the kernel keeps none itself */
	__u64 irq_start;         /* of the interrupt under way */
	__u64 irq_since, irq_until; /* interrupts are (were) watched from .. to; ~0 = still are */
	__u64 irq_depth;
	__u64 switch_runs, wakeup_runs, irq_runs;
	__u64 lost_storage;      /* task storage could not be had: the task's wait is not seen */
	__u64 lost_state;        /* a count would have gone below zero */
	__u64 missed_switches;   /* a switch was not shown to us; its time was rebuilt from the task's own run time */
	__u64 missed_wakeups;    /* a wakeup was not shown to us; its wait was taken from the scheduler's own note */
	__u64 missed_moves;      /* a waiting task turned up on another CPU's queue unannounced */
	__u64 n_recent;          /* slices noted so far; number i stands in recent[i % RECENT_SLICES] */
	__u32 pid;               /* of the occupant */
	__u32 serving;           /* the occupant has TASK_SERVES */
	struct slice_note recent[RECENT_SLICES];
	__u32 list[SLOTS];
	__u32 spanning[SLOTS];   /* tasks that waited here throughout the watch, ... */
	__u32 throttled[SLOTS];  /* ... and those whom their own quota held back meanwhile */
	/* Arrivals from other CPUs: (sum of arrival times << INBOX_COUNT_BITS) + number, modulo 2^64. */
	__u64 inbox[SLOTS];
	struct cpu_victim victims[SLOTS];
};

_Static_assert(sizeof(struct slot_key) == 16, "slot_key layout");
_Static_assert(sizeof(struct slot_ctl) == 16, "slot_ctl layout");
_Static_assert(sizeof(struct task_rec) == 64, "task_rec layout");
_Static_assert(sizeof(struct cpu_victim) == 152 + 8 * SLOTS + 4 * HIST_BUCKETS, "cpu_victim layout");
_Static_assert(sizeof(struct cpu_state) == 200 + 40 * RECENT_SLICES + 12 * SLOTS + 8 * SLOTS + SLOTS * sizeof(struct cpu_victim), "cpu_state layout");

#endif
