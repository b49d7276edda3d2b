/* For whom reclaim works: the task itself, those for whom kswapd makes room, or the neighbour in whose debt a victim is. */
#ifndef PROBES_MEMORY_CULPRIT_BPF_H
#define PROBES_MEMORY_CULPRIT_BPF_H

#include "probes/memory_wait.bpf.h"

#define PF_KSWAPD 0x00020000
#define KSWAPD_CHUNK 32            /* pages charged to one allocator before the next is chosen: SWAP_CLUSTER_MAX */
#define CHARGE_BATCH 64            /* pages charged at once (MEMCG_CHARGE_BATCH): a limit is reached when so many do not fit */

const volatile __u64 node_pages = 0;             /* of memory */

/* A slot's debt: reclaim that it still does on behalf of a neighbour. */
__s64 debt_pages[SLOTS];
__u32 debt_slot[SLOTS];          /* whose: the last one that evicted pages of it, or whose it brought back */
__u32 debt_distance[SLOTS];      /* of those pages */

/* kswapd: who allocates. */
__u64 kswapd_wakeups;
__u64 kswapd_allocated[SLOTS];   /* pages since it slept */
__s64 kswapd_turn[SLOTS];
__u32 kswapd_waker, kswapd_culprit, kswapd_left;

/* Pages that others than `slot`, the current task's, hold where memory is short: in the node, or below the limit that the
 * task's memory cgroup or an ancestor has reached; 0 when that is the slot's own, or not known. */
__noinline __u64 memory_room(__u32 slot, bool node)
{
	struct cgroup_subsys_state *css = memory_css_of_current();
	__u64 own = 0, usage;
	bool found = false;

	for (int i = 0; i < SLOT_DEPTH && css; i++) {
		struct mem_cgroup *memcg = (void *)css; /* the css stands first */

		usage = BPF_CORE_READ(memcg, memory.usage.counter);
		if (!found && slot_of_id(memory_kind, BPF_CORE_READ(css, cgroup, kn, id)) == slot) {
			found = true;
			own = usage;
		}
		if (!node && (usage + CHARGE_BATCH > BPF_CORE_READ(memcg, memory.max) || usage > BPF_CORE_READ(memcg, memory.high)))
			return found && usage > own ? usage - own : 0;
		css = BPF_CORE_READ(css, parent);
	}
	return node && found && node_pages > own ? node_pages - own : 0;
}

/* Allocated by `slot`: what kswapd has to make up for. */
static __always_inline void kswapd_owe(__u32 slot, __u32 pages)
{
	if (kswapd_wakeups)
		__sync_fetch_and_add(&kswapd_allocated[memory_bound(slot)], pages);
}

struct kswapd_choice { __u64 total, slot; __s64 turn; };

/* One candidate; a global function, so that the loop over all of them is verified once. */
__noinline int kswapd_weigh(struct kswapd_choice *c, __u32 slot)
{
	__u64 at = memory_bound(slot), weight = kswapd_allocated[at];

	if (!c || !weight)
		return 0;
	c->total += weight;
	kswapd_turn[at] += weight;
	if (c->slot == SLOTS || kswapd_turn[at] > c->turn) {
		c->slot = at;
		c->turn = kswapd_turn[at];
	}
	return 0;
}

/* For whom kswapd works next: smooth weighted round robin over what was allocated, so that a few pages are shared as
 * evenly as many. Several nodes' kswapds may meet here; that makes the order uneven, not the shares. */
static __always_inline __u32 kswapd_choose(void)
{
	struct kswapd_choice c = { .slot = SLOTS };

	for (__u32 i = 0; i < SLOTS; i++)
		kswapd_weigh(&c, i);
	if (c.slot >= SLOTS)
		return kswapd_waker;
	kswapd_turn[memory_bound(c.slot)] -= c.total;
	return c.slot;
}

static __always_inline __u32 slot_of_reclaim(struct task_struct *task, __u32 pages)
{
	struct task_struct___memory *with = (void *)task;
	__u64 memcg = 0;
	__u32 slot;

	if (!(task->flags & PF_KTHREAD))
		return slot_of_current();
	if (task->flags & PF_KSWAPD) {
		if (kswapd_left < pages) {
			kswapd_culprit = kswapd_choose();
			kswapd_left = KSWAPD_CHUNK;
		}
		kswapd_left -= pages < kswapd_left ? pages : kswapd_left;
		return kswapd_culprit;
	}
	if (!bpf_core_field_exists(with->active_memcg))
		return SLOT_KERNEL;
	bpf_core_read(&memcg, sizeof(memcg), &with->active_memcg); /* as a number, like memcg_data */
	slot = memcg ? slot_of_charge(memcg) : SLOT_OTHER;
	return slot == SLOT_OTHER ? SLOT_KERNEL : slot;
}

/* An eviction from among its own pages may pay a debt. */
static __always_inline __u32 slot_after_debt(struct task_struct *task, __u32 slot, __u32 pages)
{
	__u64 at = memory_bound(slot);
	__s64 debt = debt_pages[at];
	struct memory_task *t;
	__u64 room;

	if (debt <= 0 || slot < SLOT_FIRST)
		return slot;
	t = bpf_task_storage_get(&memory_tasks, task, 0, 0);
	room = t ? memory_room(slot, t->reclaim_of_node) : 0;
	if (debt_distance[at] > room)
		return slot;
	__sync_fetch_and_add(&debt_pages[at], -(debt < (__s64)pages ? debt : (__s64)pages));
	return debt_slot[at];
}

#endif
