/*
 * Interrupts for disk requests: for whom they work, and whose task they interrupt. What an interrupt does before it completes a request, and
 * from there to the next one, is done for that request's owner. Most drivers complete in the block softirq that their interrupt asks for, some
 * (NVMe) in the interrupt itself; others' interrupts and softirqs complete nothing and are not counted.
 */
#ifndef PROBES_DISK_IRQ_BPF_H
#define PROBES_DISK_IRQ_BPF_H

#include "probes/disk.bpf.h"

#define SOFTIRQ_BLOCK 4
#define IRQ_TAIL_NS 5000         /* a softirq that begins so soon after an interrupt was asked for by it */

enum irq_context { IRQ_HARD, IRQ_SOFT, IRQ_CONTEXTS };

struct irq_work { __u64 start_ns; __u32 owner, active; }; /* not yet charged since; owner SLOT_UNKNOWN: nothing completed yet */
struct disk_irq { struct irq_work work[IRQ_CONTEXTS]; __u64 hard_end_ns; };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct disk_irq);
} disk_irqs SEC(".maps");

__u64 disk_since_ns;             /* these programs are attached since; set by user space */

static __always_inline struct disk_irq *irq_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&disk_irqs, &zero);
}

static __always_inline void irq_begin(struct irq_work *w, __u64 start)
{
	w->start_ns = start;
	w->owner = SLOT_UNKNOWN;
	w->active = 1;
}

static __always_inline void irq_charge(struct irq_work *w, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct disk_slot *victim;

	if (task->pid && (victim = slot_totals(slot_of_current())))
		__sync_fetch_and_add(&victim->irq_cost[disk_bound(w->owner)], now - w->start_ns);
	w->start_ns = now;
}

static __always_inline void irq_end(struct irq_work *w, __u64 now)
{
	if (w->active && w->owner != SLOT_UNKNOWN && w->start_ns >= *(volatile __u64 *)&disk_since_ns)
		irq_charge(w, now);
	w->active = 0;
}

/* A request of `owner` is complete. */
static __always_inline void irq_completes(__u32 owner)
{
	struct disk_irq *irq = irq_here();
	struct irq_work *w;

	if (!irq)
		return;
	w = irq->work[IRQ_HARD].active ? &irq->work[IRQ_HARD] : &irq->work[IRQ_SOFT];
	if (!w->active || w->start_ns < *(volatile __u64 *)&disk_since_ns)
		return;
	if (w->owner != SLOT_UNKNOWN)
		irq_charge(w, bpf_ktime_get_ns());
	w->owner = owner;
}

static __always_inline int hard_begin(void)
{
	struct disk_irq *irq = irq_here();

	if (irq)
		irq_begin(&irq->work[IRQ_HARD], bpf_ktime_get_ns());
	return 0;
}

static __always_inline int hard_end(void)
{
	struct disk_irq *irq = irq_here();

	if (!irq)
		return 0;
	irq->hard_end_ns = bpf_ktime_get_ns();
	irq_end(&irq->work[IRQ_HARD], irq->hard_end_ns);
	return 0;
}

/* The interrupt that has just asked for it is a part of it. */
static __always_inline int soft_begin(void)
{
	struct disk_irq *irq = irq_here();
	struct irq_work *hard;
	__u64 now;

	if (!irq)
		return 0;
	now = bpf_ktime_get_ns();
	hard = &irq->work[IRQ_HARD];
	irq_begin(&irq->work[IRQ_SOFT], hard->owner == SLOT_UNKNOWN && now - irq->hard_end_ns < IRQ_TAIL_NS ? hard->start_ns : now);
	return 0;
}

static __always_inline int soft_end(void)
{
	struct disk_irq *irq = irq_here();

	if (irq)
		irq_end(&irq->work[IRQ_SOFT], bpf_ktime_get_ns());
	return 0;
}

#endif
