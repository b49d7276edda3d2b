/*
 * What the disk probe's BPF programs and its user side share. Fixed width, explicit padding.
 *
 * Processor sharing. While a device has n_a requests of slot a and n_b of slot b outstanding, n in all, slot a is delayed at
 * the rate n_a * n_b / n by slot b. With W = integral of dt / n the blame of a pair between two changes of n_a or n_b is
 * n_a * n_b * (difference of W), so an event touches only the pairs of its own slot: O(slots active), not O(slots^2).
 * `outstanding_ns` comes from the slots' own counts and stamps, `blame` from W: two independent sums of the same time.
 */
#ifndef PROBES_DISK_H
#define PROBES_DISK_H

#include "probes/events.h"

#define DISK_DEVICES 16          /* whole disks followed at once; more are counted as lost */
#define DISK_REQUESTS 16384      /* requests outstanding at once */
#define DISK_INODES 16384        /* files whose last writer is remembered */
#define DISK_W_SHIFT 16          /* W is in 2^-16 ns */

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_OPS };
enum disk_method { DISK_BY_CGROUP, DISK_BY_TASK, DISK_BY_INODE, DISK_BY_NOBODY, DISK_METHODS };
enum disk_loss { DISK_LOST_REQUEST, DISK_LOST_DEVICE, DISK_LOST_COUNT, DISK_LOST_COMPLETION, DISK_LOST_SYNC, DISK_LOSSES };

struct disk_slot {               /* map disk_slots: totals of one slot */
	__u64 bytes[DISK_OPS], ios[DISK_OPS];
	__u64 queue_ns[DISK_OPS], device_ns[DISK_OPS];
	__u64 methods[DISK_METHODS];  /* requests by how their owner was found */
	__u64 merges;
	__u64 sync_ns;           /* its threads in fsync and relatives */
	__u64 irq_cost[SLOTS];   /* culprits: interrupts for their requests on top of its tasks */
	__u32 queue_hist[DISK_OPS][HIST_BUCKETS], device_hist[DISK_OPS][HIST_BUCKETS], sync_hist[HIST_BUCKETS];
};

struct disk_device {             /* map disk_devices: who shares one device; all below `lock` */
	__u32 lock;              /* struct bpf_spin_lock */
	__u32 n_list;
	__u64 last_ns;
	__u64 w;
	__u64 n;
	__u32 list[SLOTS];       /* slots with requests outstanding */
	__u32 place[SLOTS];      /* index in list + 1; 0 = not in it */
	__u64 slot_n[SLOTS];
	__u64 slot_last_ns[SLOTS];
	__u64 outstanding_ns[SLOTS];
	__u64 w_seen[SLOTS][SLOTS];   /* only [smaller][larger] of a pair is used: the blame is symmetric */
	__u64 blame_w[SLOTS][SLOTS];  /* in 2^-16 ns */
};

struct disk_request {            /* map disk_requests, by address of the kernel's request */
	__u64 start_ns, issue_ns;
	__u32 device;
	__u16 slot;
	__u8 op, pad;
	__u32 bytes;             /* issued and not yet completed */
	__u32 pad2;
};

struct disk_place {              /* map disk_index, by device number */
	__u32 index;
	__u32 stacked;           /* its requests come back as another device's: not counted */
};

_Static_assert(sizeof(struct disk_request) == 32, "disk_request layout");
_Static_assert(sizeof(struct disk_slot) == 8 * (4 * DISK_OPS + DISK_METHODS + 2 + SLOTS) + 8 * DISK_OPS * HIST_BUCKETS + 4 * HIST_BUCKETS, "disk_slot layout");

#endif
