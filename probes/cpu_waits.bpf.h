/*
 * Writing the log of probes/waits.h, from the CPU probe's events. Costs nothing for threads that serve no requests but the
 * note of each slice in which somebody waited (cpu_state.recent), from which a wait is cut when it ends.
 *
 * A thread that slept and is woken by another thread of its service was waiting for that one (a lock, a queue of work): it
 * takes over the waker's segments of that time. So a delay travels along the chain of threads that a request depends on.
 */
#ifndef PROBES_CPU_WAITS_BPF_H
#define PROBES_CPU_WAITS_BPF_H

#include "probes/waits.bpf.h"

#define STATE_UNINTERRUPTIBLE 0x2
#define STATE_NOLOAD 0x400   /* idle kernel threads: uninterruptible in name only */

/* The next free segment of the log, from start to end; NULL when that is nothing. */
static __always_inline struct wait_segment *wait_log_add(struct wait_log *log, __u64 start, __u64 end, __u32 culprit, __u32 kind)
{
	struct wait_segment *s = &log->segments[log->n & (WAIT_SEGMENTS - 1)];

	if (start >= end)
		return NULL;
	s->start_ns = start;
	s->end_ns = end;
	s->irq_share = s->steal_share = 0;
	s->culprit = culprit;
	s->kind = kind;
	log->n++;
	return s;
}

/* Keep the slice that ends now: somebody waited in it. */
static __always_inline void slice_note(struct cpu_state *cs, __u64 now, __u64 irq, __u64 steal)
{
	struct slice_note *n = &cs->recent[(cs->n_recent - 1) & (RECENT_SLICES - 1)];

	if (n->end_ns != cs->slice_start || n->occupant != cs->occupant) {
		n = &cs->recent[cs->n_recent & (RECENT_SLICES - 1)];
		n->start_ns = cs->slice_start;
		n->irq_ns = n->steal_ns = 0;
		n->occupant = cs->occupant;
		cs->n_recent++;
	}
	n->end_ns = now;
	n->irq_ns += irq;
	n->steal_ns += steal;
}

/* Who held this CPU from start to end, oldest first; before the oldest slice kept it is unknown. The slice under way counts
 * for its occupant. A global function, as the next: verified once and by itself. */
__noinline int wait_log_slices(struct cpu_state *cs, struct wait_log *log, __u64 start, __u64 end, __u32 own)
{
	__u64 n, back = 0;

	if (!cs || !log)
		return 0;
	n = cs->n_recent;
	for (int i = 0; i < RECENT_SLICES; i++) {
		struct slice_note *s = &cs->recent[(n - 1 - back) & (RECENT_SLICES - 1)];

		if (s->end_ns <= start)
			break;
		back++;
	}
	hide(back);
	for (int i = 0; i < RECENT_SLICES; i++) {
		struct slice_note *s = &cs->recent[(n - back) & (RECENT_SLICES - 1)];
		__u64 to = s->end_ns < end ? s->end_ns : end;
		struct wait_segment *added;

		if (!back || s->start_ns >= end)
			break;
		back--;
		if (s->start_ns > start) {
			wait_log_add(log, start, s->start_ns, SLOT_UNKNOWN, WAIT_CPU);
			start = s->start_ns;
		}
		added = s->occupant == own ? NULL : wait_log_add(log, start, to, s->occupant, WAIT_CPU);
		if (added && s->irq_ns | s->steal_ns) {
			added->irq_share = (s->irq_ns << SHARE_SHIFT) / (s->end_ns - s->start_ns);
			added->steal_share = (s->steal_ns << SHARE_SHIFT) / (s->end_ns - s->start_ns);
		}
		start = to;
	}
	if (cs->occupant != own || start < cs->slice_start)
		wait_log_add(log, start, end, start >= cs->slice_start ? cs->occupant : SLOT_UNKNOWN, WAIT_CPU);
	return 0;
}

/* The part of a serving thread's wait that it spent on this CPU's queue is over. `renewed`: until then it was its own quota's
 * doing (0 = it was not). */
static __noinline int wait_log_queue(struct cpu_state *cs, struct task_struct *task, struct task_rec *rec, __u64 end, __u64 renewed)
{
	struct wait_log *log = bpf_task_storage_get(&wait_logs, task, 0, 0);
	__u64 start = rec->queue_start;

	if (!log)
		return 0;
	if (renewed > start) {
		renewed = renewed < end ? renewed : end;
		wait_log_add(log, start, renewed, SLOT_THROTTLE, WAIT_CPU);
		start = renewed;
	}
	wait_log_slices(cs, log, start, end, rec->wait_slot);
	return 0;
}

/* A serving thread leaves the CPU to sleep. */
static __noinline int sleep_begin(struct task_struct *task, __u64 now)
{
	struct task_rec *rec = bpf_task_storage_get(&tasks, task, 0, 0);
	__u32 state = task->__state;

	if (!rec)
		return 0;
	rec->sleep_start = now;
	if (state & STATE_UNINTERRUPTIBLE && !(state & STATE_NOLOAD))
		rec->flags |= TASK_BLOCKED;
	else
		rec->flags &= ~TASK_BLOCKED;
	return 0;
}

/* Take over another thread's segments between start and end, oldest first. */
__noinline int wait_log_inherit(struct wait_log *log, struct wait_log *theirs, __u64 start, __u64 end)
{
	__u64 n, back = 0;

	if (!log || !theirs)
		return 0;
	n = theirs->n;
	for (int i = 0; i < WAIT_SEGMENTS; i++) {
		if (theirs->segments[(n - 1 - back) & (WAIT_SEGMENTS - 1)].end_ns <= start)
			break;
		back++;
	}
	hide(back);
	for (int i = 0; i < WAIT_SEGMENTS; i++) {
		struct wait_segment *s = &theirs->segments[(n - back) & (WAIT_SEGMENTS - 1)], *added;

		if (!back)
			break;
		back--;
		added = wait_log_add(log, s->start_ns > start ? s->start_ns : start, s->end_ns < end ? s->end_ns : end, s->culprit, s->kind);
		if (added) {
			added->irq_share = s->irq_share;
			added->steal_share = s->steal_share;
		}
	}
	return 0;
}

/* A serving thread is woken by the current task. */
static __noinline int sleep_end(struct task_struct *task, struct task_rec *rec, __u64 now)
{
	struct wait_log *log = bpf_task_storage_get(&wait_logs, task, 0, 0), *theirs;
	struct task_struct *waker = bpf_get_current_task_btf();
	struct task_rec *waker_rec;
	__u64 start = rec->sleep_start;

	rec->sleep_start = 0;
	if (!log)
		return 0;
	if (rec->flags & TASK_BLOCKED) {
		wait_log_add(log, start, now, SLOT_UNKNOWN, WAIT_DISK);
		return 0;
	}
	waker_rec = bpf_task_storage_get(&tasks, waker, 0, 0);
	if (!waker_rec || !(waker_rec->flags & TASK_SERVES) || waker_rec->slot != rec->slot)
		return 0;
	theirs = bpf_task_storage_get(&wait_logs, waker, 0, 0);
	if (!theirs || theirs == log)
		return 0;
	wait_log_inherit(log, theirs, start, now);
	return 0;
}

#endif
