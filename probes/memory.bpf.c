/*
 * Memory probe: whose cached file pages are evicted for whom, and what reading them again costs. Entry points only; the
 * method stands in memory.bpf.h.
 *
 * mm_filemap_delete_from_page_cache  a page leaves the cache; only reclaim counts (truncation, DONTNEED and the like do not)
 * mm_vmscan_{direct,memcg}_reclaim_* time in reclaim
 * mm_vmscan_wakeup_kswapd, _kswapd_sleep  for whom kswapd works
 *
 * Attached by user space (memory.c) while pages are being evicted or read again, and a service is concerned (some machines page out what
 * no service claims every few seconds: 120 ns at every switch and wakeup to watch for that):
 * mm_filemap_add_to_page_cache       a page comes (back)
 * sched_switch, sched_wakeup         a task sleeps for IO, and wakes; all others leave after one look at its in_iowait bit
 * mm_lru_insertion                   anonymous pages are allocated: only once kswapd has been woken
 */
#include "probes/memory.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/mm_filemap_delete_from_page_cache")
int BPF_PROG(memory_evict, void *page)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct page_place place = { 0 };
	struct memory_slot *totals;
	__u32 owner, culprit, n;
	__u64 data = 0;

	if (!(task->flags & PF_MEMALLOC) || !page_place(page, &place, &data))
		return 0;
	n = place.n;
	culprit = slot_of_reclaim(task, n);
	owner = slot_of_charge(data);
	if (owner == SLOT_OTHER && memory_by_inode) {
		struct inode_key key = { .ino = place.ino, .file = place.file };
		__u32 *reader = bpf_map_lookup_elem(&memory_inodes, &key);

		owner = reader ? *reader : SLOT_OTHER;
	}
	if (owner == culprit)
		culprit = slot_after_debt(task, culprit, n);
	else
		debt_slot[memory_bound(owner)] = culprit;
	totals = memory_totals(owner);
	if (totals) {
		__sync_fetch_and_add(&totals->evicted_pages, n);
		if (owner != culprit)
			__sync_fetch_and_add(&totals->evicted_by_others_pages, n);
	}
	for (int i = 0; i < LARGE_BLOCKS && place.n; i++) {
		__u64 block;
		__u32 mask = block_next(&place, &block);

		block_mark(&place, block, mask, culprit, owner);
	}
	if (place.n)
		__sync_fetch_and_add(&memory_lost[MEMORY_LOST_PAGES], place.n);
	if (owner >= SLOT_FIRST || culprit >= SLOT_FIRST)
		memory_active = 1;
	return 0;
}

/* Evicted pages that `task` reads again: note for whose sake it is going to sleep. */
__noinline int pages_return(__u64 page, const struct evictors *evictors, __u32 slot)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct memory_slot *totals = memory_totals(slot);
	struct memory_task *t;
	struct returned back = { 0 };
	__u64 at = memory_bound(slot);

	if (!evictors)
		return 0;
	t = bpf_task_storage_get(&memory_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		__sync_fetch_and_add(&memory_lost[MEMORY_LOST_TASK], 1);
		return 0;
	}
	task_is_reading(t);
	for (__u32 i = 0; i < MEMORY_BLOCK_PAGES; i++)
		page_note(t, &back, evictors->of[i], slot);
	if (back.neighbours && evictors->owner == slot) {
		debt_slot[at] = back.debt_slot;
		debt_distance[at] = slot_added[at] - evictors->owner_added;
		__sync_fetch_and_add(&debt_pages[at], back.neighbours);
	}
	t->evicted += back.pages;
	t->last = page;
	t->last_mapping = page_mapping(page);
	if (!t->first) {
		t->first = page;
		t->first_mapping = t->last_mapping;
	}
	if (totals)
		__sync_fetch_and_add(&totals->reread_pages, back.pages);
	if (!memory_watched)
		__sync_fetch_and_add(&memory_lost[MEMORY_LOST_UNWATCHED], back.pages);
	if (slot >= SLOT_FIRST || evictors->owner >= SLOT_FIRST)
		memory_active = 1;
	return 0;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(memory_add, void *page)
{
	struct task_struct *task;
	struct page_place place = { 0 };
	struct memory_task *t;
	__u32 slot, n;
	__u64 data = 0, address = 0;

	if (!page_place(page, &place, &data))
		return 0;
	task = bpf_get_current_task_btf();
	bpf_probe_read_kernel(&address, sizeof(address), ctx); /* the first argument as a number */
	slot = slot_of_current();
	n = place.n;
	__sync_fetch_and_add(&slot_added[memory_bound(slot)], n);
	kswapd_owe(slot, n);
	if (memory_by_inode && slot >= SLOT_FIRST && slot_of_charge(data) == SLOT_OTHER) {
		struct inode_key key = { .ino = place.ino, .file = place.file };
		__u32 *known = bpf_map_lookup_elem(&memory_inodes, &key);

		if (!known || *known != slot)
			bpf_map_update_elem(&memory_inodes, &key, &slot, BPF_ANY);
	}
	for (int i = 0; i < LARGE_BLOCKS && place.n; i++) {
		struct evictors evictors = { 0 };
		__u64 block;
		__u32 mask = block_next(&place, &block);

		if (block_take(&place, block, mask, &evictors))
			pages_return(address, &evictors, slot);
	}
	t = bpf_task_storage_get(&memory_tasks, task, 0, 0);
	if (t && t->first)
		t->pages += n;
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(memory_switch, bool preempt, struct task_struct *prev)
{
	struct memory_task *t;

	if (!BPF_CORE_READ_BITFIELD((struct task_struct___memory *)prev, in_iowait))
		return 0;
	if (preempt || !prev->__state) /* on its way to sleep, but still runnable */
		return 0;
	t = bpf_task_storage_get(&memory_tasks, prev, 0, 0);
	if (t && t->first)
		t->sleep_ns = task_is_reading(t) ? bpf_ktime_get_ns() : 0;
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(memory_wakeup, struct task_struct *task)
{
	struct memory_task *t;
	struct task_rec *rec;

	if (!BPF_CORE_READ_BITFIELD((struct task_struct___memory *)task, in_iowait))
		return 0;
	t = bpf_task_storage_get(&memory_tasks, task, 0, 0);
	if (!t || !t->sleep_ns)
		return 0;
	rec = task_record(task);
	wait_charge(t, rec ? slot_of_task(task, rec) : SLOT_OTHER, bpf_ktime_get_ns() - t->sleep_ns);
	t->sleep_ns = 0;
	task_is_reading(t);      /* if it was the last sleep for these pages, done with them */
	return 0;
}

static __always_inline int reclaim_begin(bool node)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct memory_task *t = bpf_task_storage_get(&memory_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!t) {
		__sync_fetch_and_add(&memory_lost[MEMORY_LOST_TASK], 1);
		return 0;
	}
	t->reclaim_start_ns = bpf_ktime_get_ns();
	t->reclaim_of_node = node;
	return 0;
}

static __always_inline int reclaim_end(void)
{
	struct memory_task *t = bpf_task_storage_get(&memory_tasks, bpf_get_current_task_btf(), 0, 0);
	struct memory_slot *totals;

	if (!t || !t->reclaim_start_ns)
		return 0;
	totals = memory_totals(slot_of_current());
	if (totals) {
		__sync_fetch_and_add(&totals->reclaims, 1);
		__sync_fetch_and_add(&totals->reclaim_ns, bpf_ktime_get_ns() - t->reclaim_start_ns);
	}
	t->reclaim_start_ns = 0;
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(memory_direct_begin)
{
	return reclaim_begin(true);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(memory_direct_end)
{
	return reclaim_end();
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memory_memcg_begin)
{
	return reclaim_begin(false);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memory_memcg_end)
{
	return reclaim_end();
}

SEC("tp_btf/mm_vmscan_wakeup_kswapd")
int BPF_PROG(memory_kswapd_wakeup)
{
	kswapd_waker = slot_of_current();
	__sync_fetch_and_add(&kswapd_wakeups, 1);
	return 0;
}

SEC("tp_btf/mm_vmscan_kswapd_sleep")
int BPF_PROG(memory_kswapd_sleep)
{
	for (int i = 0; i < SLOTS; i++)
		kswapd_allocated[i] = 0;
	kswapd_left = 0;
	return 0;
}

SEC("tp_btf/mm_lru_insertion")
int BPF_PROG(memory_lru, void *page)
{
	struct folio *folio = page;
	struct page *first = page;
	__u64 mapping = 0;       /* as a number: its low bits are flags */

	if (bpf_core_type_exists(struct folio)) {
		bpf_core_read(&mapping, sizeof(mapping), &folio->mapping);
		if (bpf_core_field_exists(folio->memcg_data) && mapping & MAPPING_ANON)
			kswapd_owe(slot_of_charge(folio->memcg_data), folio_pages(folio));
		return 0;
	}
	bpf_core_read(&mapping, sizeof(mapping), &first->mapping);
	if (bpf_core_field_exists(first->memcg_data) && mapping & MAPPING_ANON)
		kswapd_owe(slot_of_charge(first->memcg_data), 1);
	return 0;
}
