/*
 * The disk probe's method: owner of a request, its life from queued to completed, and processor sharing (probes/disk.h).
 *
 * Owner: the blkio cgroup of the request's bio, which is right for writeback too; where that names no service (no io
 * controller, or services without such a cgroup) the task that queues the request; if that is a kernel thread, the task
 * that last dirtied the file. One owner per request is sound: the kernel does not merge across blkio cgroups.
 */
#ifndef PROBES_DISK_BPF_H
#define PROBES_DISK_BPF_H

#include "probes/slot.bpf.h"
#include "probes/disk.h"

#define REQ_OP_MASK 0xff
#define REQ_READ 0
#define REQ_WRITE 1
#define REQ_FLUSH 2
#define REQ_DISCARD 3
#define REQ_SECURE_ERASE 5
#define REQ_WRITE_ZEROES 9
#define REQ_DRV_IN 34
#define REQ_PREFLUSH (1u << 18)
#define MODE_FORMAT 0170000
#define MODE_BLOCK 0060000        /* inode of a block device: its pages are a file system's metadata, which everybody dirties */
#define PAGE_MAPPING_FLAGS 3ull   /* anonymous and movable pages have no inode */

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct inode { unsigned long i_ino; unsigned short i_mode; };
struct address_space { struct inode *host; };
struct page { unsigned long compound_head; struct address_space *mapping; };
struct page___info { unsigned long compound_info; }; /* its name since 7.1 (fc3f334ce2b9) */
struct bio_vec { struct page *bv_page; };
struct blkcg { struct cgroup_subsys_state css; };
struct blkcg_gq { struct blkcg *blkcg; };
struct bio { struct blkcg_gq *bi_blkg; struct bio_vec *bi_io_vec; };
struct gendisk { int major, first_minor; };
struct request_queue { struct gendisk *disk; };
struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	struct bio *bio;
};
#pragma clang attribute pop

struct device_value {            /* struct disk_device with the lock as the verifier wants it */
	struct bpf_spin_lock lock;
	__u32 n_list;
	__u64 last_ns, w, n;
	__u32 list[SLOTS], place[SLOTS];
	__u64 slot_n[SLOTS], slot_last_ns[SLOTS], outstanding_ns[SLOTS];
	__u64 w_seen[SLOTS][SLOTS], blame_w[SLOTS][SLOTS];
};
_Static_assert(sizeof(struct device_value) == sizeof(struct disk_device), "disk_device layout");

struct inode_key { __u64 inode, ino; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DISK_DEVICES);
	__type(key, __u32);
	__type(value, struct device_value);
} disk_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DISK_DEVICES * 4);
	__type(key, __u32);
	__type(value, struct disk_place);
} disk_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DISK_REQUESTS);
	__type(key, __u64);
	__type(value, struct disk_request);
} disk_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct disk_slot);
} disk_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DISK_INODES);
	__type(key, struct inode_key);
	__type(value, __u32);
} disk_inodes SEC(".maps");

const volatile __u32 blkio_kind = SLOT_CGROUP2;
__u64 disk_lost[DISK_LOSSES];
__u32 disk_n_devices;

static __always_inline __u64 disk_bound(__u64 slot)
{
	hide(slot);
	if (slot >= SLOTS)
		slot = SLOT_RESERVED;
	hide(slot);
	return slot;
}

static __always_inline void disk_lose(enum disk_loss what)
{
	__sync_fetch_and_add(&disk_lost[what], 1);
}

static __always_inline struct disk_slot *slot_totals(__u32 slot)
{
	return bpf_map_lookup_elem(&disk_slots, &slot);
}

/* Bring the pairs of `slot` up to date; called before its count changes, under the lock. */
static __always_inline void pairs_charge(struct device_value *d, __u64 slot)
{
	__u64 mine = d->slot_n[slot];

	for (__u32 i = 0; i < SLOTS; i++) {
		__u64 other, low, high, below, delta;

		if (i >= d->n_list)
			break;
		other = disk_bound(d->list[i]);
		/* Without a branch: the verifier of 6.1 follows both sides of a second comparison, the impossible one too, and
		 * refuses what it believes of the bounds there. */
		below = (slot - other) & ((__s64)(slot - other) >> 63);
		low = disk_bound(other + below);
		high = disk_bound(slot - below);
		delta = d->w - d->w_seen[low][high];
		d->w_seen[low][high] = d->w;
		d->blame_w[low][high] += mine * d->slot_n[other] * delta;
	}
}

static __always_inline void list_add(struct device_value *d, __u64 slot)
{
	__u64 end = d->n_list;

	if (d->place[slot])
		return;
	hide(end);
	if (end >= SLOTS)
		return;
	d->list[end] = slot;
	d->place[slot] = end + 1;
	d->n_list = end + 1;
}

static __always_inline void list_remove(struct device_value *d, __u64 slot)
{
	__u64 at = d->place[slot] - 1, end = d->n_list - 1, moved;

	hide(at);
	hide(end);
	if (at >= SLOTS || end >= SLOTS)
		return;
	moved = disk_bound(d->list[end]);
	d->list[at] = moved;
	d->place[moved] = at + 1;
	d->place[slot] = 0;
	d->n_list = end;
}

/* One request of `slot` more (+1) or less (-1) on the device. False when the count would go below zero. */
static __always_inline bool device_change(struct device_value *d, __u64 slot, bool more, __u64 now)
{
	bool good = true;

	slot = disk_bound(slot);
	bpf_spin_lock(&d->lock);
	if (now < d->last_ns)    /* stamps of two CPUs arrive in either order */
		now = d->last_ns;
	if (d->n)
		d->w += ((now - d->last_ns) << DISK_W_SHIFT) / d->n;
	d->last_ns = now;
	if (more)
		list_add(d, slot);
	pairs_charge(d, slot);
	d->outstanding_ns[slot] += d->slot_n[slot] * (now - d->slot_last_ns[slot]);
	d->slot_last_ns[slot] = now;
	if (more) {
		d->slot_n[slot]++;
		d->n++;
	} else if (d->slot_n[slot] && d->n) {
		d->n--;
		if (!--d->slot_n[slot])
			list_remove(d, slot);
	} else {
		good = false;
	}
	bpf_spin_unlock(&d->lock);
	return good;
}

static __always_inline struct disk_place *device_place(struct request *rq)
{
	struct gendisk *disk = rq->q->disk;
	__u32 dev = (__u32)disk->major << 20 | (__u32)disk->first_minor;
	struct disk_place *place = bpf_map_lookup_elem(&disk_index, &dev), fresh = { 0 };

	if (place)
		return place;
	fresh.index = *(volatile __u32 *)&disk_n_devices;
	if (fresh.index >= DISK_DEVICES)
		return NULL;
	/* Two CPUs may meet a new device at once and share an index; user space gives each device its own at start. */
	__sync_fetch_and_add(&disk_n_devices, 1);
	bpf_map_update_elem(&disk_index, &dev, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&disk_index, &dev);
}

/* A tail page points to its head, or (since 7.1, d6746190bbf3) holds the mask that makes its address the head's: ones above, zeros below. */
static __always_inline struct page *page_head(struct page *page)
{
	struct page___info *fresh = (void *)page;
	__u64 info, below;

	if (bpf_core_field_exists(page->compound_head))
		info = BPF_CORE_READ(page, compound_head);
	else
		info = BPF_CORE_READ(fresh, compound_info);
	if (!(info & 1))
		return page;
	below = ~(info & ~1ull);
	return (struct page *)(below & (below + 1) ? info - 1 : (__u64)page & info);
}

/* The task that last dirtied the file behind the request's first page. */
static __always_inline __u32 slot_of_file(struct request *rq)
{
	struct page *page = page_head(BPF_CORE_READ(rq, bio, bi_io_vec, bv_page));
	struct address_space *mapping;
	struct inode_key key = { 0 };
	__u32 *slot;

	mapping = BPF_CORE_READ(page, mapping);
	if (!mapping || ((__u64)mapping & PAGE_MAPPING_FLAGS))
		return SLOT_OTHER;
	key.inode = (__u64)BPF_CORE_READ(mapping, host);
	key.ino = BPF_CORE_READ(mapping, host, i_ino);
	slot = bpf_map_lookup_elem(&disk_inodes, &key);
	return slot ? *slot : SLOT_OTHER;
}

static __always_inline __u32 slot_of_request(struct request *rq, enum disk_method *method)
{
	struct slot_ctl *ctl = slot_control();
	__u32 slot = SLOT_OTHER, file;

	*method = DISK_BY_CGROUP;
	if (ctl && bpf_core_field_exists(struct bio, bi_blkg))
		slot = slot_of_css(ctl, blkio_kind, &rq->bio->bi_blkg->blkcg->css);
	if (slot != SLOT_OTHER)
		return slot;
	*method = DISK_BY_TASK;
	slot = slot_of_current();
	if (slot != SLOT_KERNEL)
		return slot;
	*method = DISK_BY_INODE;
	file = slot_of_file(rq);
	if (file != SLOT_OTHER)
		return file;
	*method = DISK_BY_NOBODY;
	return slot;
}

/* Kind of a request; DISK_OPS = none of ours (passthrough commands). */
static __always_inline __u32 request_op(struct request *rq)
{
	__u32 flags = rq->cmd_flags, op = flags & REQ_OP_MASK;

	if (op == REQ_READ)
		return DISK_READ;
	if (op == REQ_FLUSH || (op == REQ_WRITE && (flags & REQ_PREFLUSH) && !rq->__data_len))
		return DISK_FLUSH;
	if (op == REQ_DISCARD || op == REQ_SECURE_ERASE || op == REQ_WRITE_ZEROES)
		return DISK_DISCARD;
	return op < REQ_DRV_IN ? DISK_WRITE : DISK_OPS;
}

#endif
