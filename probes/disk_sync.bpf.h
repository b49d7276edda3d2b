/*
 * Waiting in fsync and relatives (fdatasync, msync, O_SYNC writes): from the file system's own events, which fire only then. The
 * system calls' events would slow down every system call of every task.
 */
#ifndef PROBES_DISK_SYNC_BPF_H
#define PROBES_DISK_SYNC_BPF_H

#include "probes/disk.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);    /* when the sync under way began; 0 = none */
} disk_syncs SEC(".maps");

static __always_inline int sync_begin(void)
{
	__u64 *start = bpf_task_storage_get(&disk_syncs, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (start)
		*start = bpf_ktime_get_ns();
	else
		disk_lose(DISK_LOST_SYNC);
	return 0;
}

static __always_inline int sync_end(void)
{
	__u64 *start = bpf_task_storage_get(&disk_syncs, bpf_get_current_task_btf(), 0, 0), length, bucket;
	struct disk_slot *totals;

	if (!start || !*start)
		return 0;
	length = bpf_ktime_get_ns() - *start;
	*start = 0;
	totals = slot_totals(slot_of_current());
	if (!totals)
		return 0;
	__sync_fetch_and_add(&totals->sync_ns, length);
	bucket = hist_bucket(length);
	hide(bucket);
	if (bucket < HIST_BUCKETS)
		__sync_fetch_and_add(&totals->sync_hist[bucket], 1);
	return 0;
}

#endif
