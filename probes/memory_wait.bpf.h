/*
 * From a page that comes back to the sleep for it: a task that put evicted pages back into the cache and then sleeps in io_schedule() while
 * they are not yet up to date waits for them, from its switch away to its wakeup. Pages of the same read that were not evicted before
 * take their share, which is nobody's.
 */
#ifndef PROBES_MEMORY_WAIT_BPF_H
#define PROBES_MEMORY_WAIT_BPF_H

#include "probes/memory_page.bpf.h"

/* A task on its way to wait for evicted pages. */
struct memory_task {
	__u64 reclaim_start_ns;  /* 0 = not in reclaim */
	__u64 sleep_ns;          /* asleep for the pages below since then; 0 = not */
	__u64 first, last;       /* folios put back; 0 = none */
	__u64 first_mapping, last_mapping; /* of which file; a folio may be freed and be another's by now */
	__u32 reclaim_of_node;   /* not of a memory cgroup */
	__u32 pad;
	__u32 pages, evicted;    /* put into the cache since then; those that had been evicted */
	__u32 culprit[MEMORY_CULPRITS], n[MEMORY_CULPRITS]; /* slot + 1 and its pages */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct memory_task);
} memory_tasks SEC(".maps");

struct returned { __u32 pages, neighbours, debt_slot, pad; };

/* One page that is back, evicted by slot `label` - 1. */
__noinline int page_note(struct memory_task *t, struct returned *back, __u32 label, __u32 slot)
{
	if (!t || !back || !label)
		return 0;
	back->pages++;
	if (label != slot + 1) {
		back->neighbours++;
		back->debt_slot = label - 1;
	}
	for (int i = 0; i < MEMORY_CULPRITS; i++) {
		bool last = i == MEMORY_CULPRITS - 1, other = t->n[i] && t->culprit[i] != label;

		if (other && !last)
			continue;
		t->culprit[i] = other ? SLOT_UNKNOWN + 1 : label;
		t->n[i]++;
		break;
	}
	return 0;
}

static __always_inline __u64 page_mapping(__u64 page)
{
	__u64 mapping = 0;

	if (bpf_core_type_exists(struct folio))
		bpf_core_read(&mapping, sizeof(mapping), &((struct folio *)page)->mapping);
	else
		bpf_core_read(&mapping, sizeof(mapping), &((struct page *)page)->mapping);
	return mapping;
}

/* Up to date, or no longer what it was. */
static __always_inline bool page_is_read(__u64 page, __u64 mapping)
{
	unsigned long flags = 0;

	return bpf_probe_read_kernel(&flags, sizeof(flags), (void *)page) ||
	       (flags & (1ul << bpf_core_enum_value(enum pageflags, PG_uptodate))) || page_mapping(page) != mapping;
}

/* Are pages that the task put back still on their way? If not, there is nothing to wait for any more. */
static __always_inline bool task_is_reading(struct memory_task *t)
{
	if (t->first && (!page_is_read(t->first, t->first_mapping) || (t->last != t->first && !page_is_read(t->last, t->last_mapping))))
		return true;
	t->first = t->last = 0;
	t->pages = t->evicted = 0;
	__builtin_memset(t->n, 0, sizeof(t->n));
	return false;
}

/* Charge a sleep that ended: the share of the pages that had been evicted, divided by who evicted them. */
static __always_inline void wait_charge(struct memory_task *t, __u32 victim, __u64 slept)
{
	struct memory_slot *totals = memory_totals(victim);
	__u64 wait, left, bucket;

	if (!totals || !t->pages || !t->evicted)
		return;
	wait = slept / t->pages * t->evicted + slept % t->pages * t->evicted / t->pages;
	left = wait;
	__sync_fetch_and_add(&totals->waits_begun, 1);
	__sync_fetch_and_add(&totals->refault_wait_ns, wait);
	for (int i = 0; i < MEMORY_CULPRITS; i++) {
		__u64 part = wait * t->n[i] / t->evicted;

		if (!t->n[i])
			break;
		if (i == MEMORY_CULPRITS - 1 || !t->n[i + 1])
			part = left;   /* rounding included */
		__sync_fetch_and_add(&totals->blame_ns[memory_bound(t->culprit[i] - 1)], part);
		left -= part;
	}
	bucket = hist_bucket(wait);
	hide(bucket);
	if (bucket < HIST_BUCKETS)
		__sync_fetch_and_add(&totals->wait_hist[bucket], 1);
	__sync_fetch_and_add(&totals->refault_waits, 1);
}

#endif
