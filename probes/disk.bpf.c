/*
 * Disk probe: who uses which device, how long requests wait and are served, and for whom they wait.
 * Entry points only; the method stands in disk.bpf.h.
 *
 * block_io_start (6.5+)  the request is made from a bio: it is queued from here, plugging included
 * block_rq_insert        older kernels: it enters the scheduler
 * block_rq_issue         the driver gets it (again, after a requeue); the first sight of it where nothing came before
 * block_rq_merge         it is absorbed by its neighbour, whose bytes then include it
 * block_rq_complete      done, wholly or in part
 * block_io_done (6.5+)   a second look at the end
 * writeback_dirty_*      a page of a file gets dirty: remember the writer
 * {ext4,f2fs}_sync_file_{enter,exit}  a thread waits in fsync or a relative
 * {irq_handler,softirq}_{entry,exit}  interrupts that complete requests; in windows, when they cost too much (probes/window.h)
 *
 * A flush is counted as the request that asked for it; the one that the kernel makes itself to serve several (it has no
 * bio) is not. Attached in the order of this file: ends before beginnings, so that no request stays open for ever.
 * block_rq_insert and block_rq_issue lost their first argument in 5.11: only newer kernels are supported.
 */
#include "probes/disk_irq.bpf.h"
#include "probes/disk_sync.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline struct disk_request *request_find(struct request *rq)
{
	__u64 key = (__u64)rq;

	return bpf_map_lookup_elem(&disk_requests, &key);
}

static __always_inline int request_open(struct request *rq, __u64 now, bool issued)
{
	struct disk_request r = { .start_ns = now, .issue_ns = issued ? now : 0 };
	__u64 key = (__u64)rq;
	__u32 op = request_op(rq), index;
	struct device_value *device;
	struct disk_place *place;
	struct disk_slot *totals;
	enum disk_method method;

	if (op == DISK_OPS || !rq->bio)
		return 0;
	place = device_place(rq);
	if (!place) {
		disk_lose(DISK_LOST_DEVICE);
		return 0;
	}
	if (place->stacked)
		return 0;
	index = place->index;
	device = bpf_map_lookup_elem(&disk_devices, &index);
	if (!device)
		return 0;
	r.device = index;
	r.op = op;
	r.bytes = rq->__data_len;
	r.slot = slot_of_request(rq, &method);
	if (bpf_map_update_elem(&disk_requests, &key, &r, BPF_NOEXIST)) {
		disk_lose(DISK_LOST_REQUEST);
		return 0;
	}
	device_change(device, r.slot, true, now);
	totals = slot_totals(r.slot);
	if (totals && method < DISK_METHODS)
		__sync_fetch_and_add(&totals->methods[method], 1);
	return 0;
}

/* The request leaves the device's sharing; false when it was not known. */
static __always_inline bool request_close(struct request *rq, struct disk_request *r, __u64 now)
{
	struct device_value *device = bpf_map_lookup_elem(&disk_devices, &r->device);
	__u64 key = (__u64)rq;

	if (device && !device_change(device, r->slot, false, now))
		disk_lose(DISK_LOST_COUNT);
	return !bpf_map_delete_elem(&disk_requests, &key);
}

static __always_inline void times_record(struct disk_slot *totals, const struct disk_request *r, __u32 op, __u64 now)
{
	__u64 issue = r->issue_ns ? r->issue_ns : r->start_ns; /* flushes are never issued themselves */
	__u64 queue = issue - r->start_ns, device = now - issue;
	__u64 bucket;

	__sync_fetch_and_add(&totals->ios[op], 1);
	__sync_fetch_and_add(&totals->queue_ns[op], queue);
	__sync_fetch_and_add(&totals->device_ns[op], device);
	bucket = hist_bucket(queue);
	hide(bucket);
	if (bucket < HIST_BUCKETS)
		__sync_fetch_and_add(&totals->queue_hist[op][bucket], 1);
	bucket = hist_bucket(device);
	hide(bucket);
	if (bucket < HIST_BUCKETS)
		__sync_fetch_and_add(&totals->device_hist[op][bucket], 1);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(disk_complete, struct request *rq, int error, unsigned int bytes)
{
	struct disk_request *r = request_find(rq);
	struct disk_slot *totals;
	__u64 now, op;

	irq_completes(r ? r->slot : SLOT_KERNEL);
	if (!r)
		return 0;
	totals = slot_totals(r->slot);
	if (!totals)
		return 0;
	op = r->op;
	hide(op);
	if (op >= DISK_OPS)
		return 0;
	__sync_fetch_and_add(&totals->bytes[op], bytes);
	if (rq->__data_len > bytes) {
		r->bytes -= bytes;
		return 0;
	}
	now = bpf_ktime_get_ns();
	times_record(totals, r, op, now);
	request_close(rq, r, now);
	return 0;
}

/* What the event before did not see. */
SEC("tp_btf/block_io_done")
int BPF_PROG(disk_done, struct request *rq)
{
	struct disk_request *r = request_find(rq);
	struct disk_slot *totals;
	__u64 now, op;

	if (!r)
		return 0;
	totals = slot_totals(r->slot);
	op = r->op;
	hide(op);
	if (!totals || op >= DISK_OPS)
		return 0;
	now = bpf_ktime_get_ns();
	__sync_fetch_and_add(&totals->bytes[op], r->bytes);
	times_record(totals, r, op, now);
	request_close(rq, r, now);
	return 0;
}

SEC("tp_btf/block_rq_merge")
int BPF_PROG(disk_merge, struct request *rq)
{
	struct disk_request *r = request_find(rq);
	struct disk_slot *totals;

	if (!r)
		return 0;
	totals = slot_totals(r->slot);
	if (totals)
		__sync_fetch_and_add(&totals->merges, 1);
	request_close(rq, r, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(disk_issue, struct request *rq)
{
	struct disk_request *r = request_find(rq);
	__u64 now = bpf_ktime_get_ns();

	if (!r)
		return request_open(rq, now, true);
	r->issue_ns = now;
	r->bytes = rq->__data_len;
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(disk_insert, struct request *rq)
{
	return request_find(rq) ? 0 : request_open(rq, bpf_ktime_get_ns(), false);
}

SEC("tp_btf/block_io_start")
int BPF_PROG(disk_start, struct request *rq)
{
	struct disk_request *r = request_find(rq);

	if (r) {                 /* its end was not seen */
		disk_lose(DISK_LOST_COMPLETION);
		request_close(rq, r, bpf_ktime_get_ns());
	}
	return request_open(rq, bpf_ktime_get_ns(), false);
}

static __always_inline int file_dirtied(struct address_space *mapping)
{
	struct inode *inode = mapping->host;
	struct inode_key key = { .inode = (__u64)inode };
	__u32 slot, *known;

	if (!inode || (inode->i_mode & MODE_FORMAT) == MODE_BLOCK)
		return 0;
	slot = slot_of_current();
	if (slot == SLOT_KERNEL)
		return 0;
	key.ino = inode->i_ino;
	known = bpf_map_lookup_elem(&disk_inodes, &key);
	if (known && *known == slot)
		return 0;
	if (slot == SLOT_OTHER && !known)
		return 0;
	bpf_map_update_elem(&disk_inodes, &key, &slot, BPF_ANY);
	return 0;
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(disk_dirty_folio, void *folio, struct address_space *mapping)
{
	return mapping ? file_dirtied(mapping) : 0;
}

SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(disk_dirty_page, void *page, struct address_space *mapping)
{
	return mapping ? file_dirtied(mapping) : 0;
}

SEC("tp_btf/ext4_sync_file_enter")
int disk_ext4_sync(void *ctx)
{
	return sync_begin();
}

SEC("tp_btf/ext4_sync_file_exit")
int disk_ext4_synced(void *ctx)
{
	return sync_end();
}

SEC("tp_btf/f2fs_sync_file_enter")
int disk_f2fs_sync(void *ctx)
{
	return sync_begin();
}

SEC("tp_btf/f2fs_sync_file_exit")
int disk_f2fs_synced(void *ctx)
{
	return sync_end();
}

SEC("tp_btf/irq_handler_entry")
int disk_irq_entry(void *ctx)
{
	return hard_begin();
}

SEC("tp_btf/irq_handler_exit")
int disk_irq_exit(void *ctx)
{
	return hard_end();
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(disk_softirq_entry, unsigned int vector)
{
	return vector == SOFTIRQ_BLOCK ? soft_begin() : 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(disk_softirq_exit, unsigned int vector)
{
	return vector == SOFTIRQ_BLOCK ? soft_end() : 0;
}
