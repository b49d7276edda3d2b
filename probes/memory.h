/*
 * What the memory probe's BPF programs and its user side share. Fixed width, explicit padding.
 *
 * Eviction blame. A page of a file that reclaim takes out of the page cache is remembered with the slot for which reclaim worked.
 * When it comes back into the cache, the time that the task then sleeps for its read is charged to that slot. Remembered are
 * blocks of MEMORY_BLOCK_PAGES neighbouring pages of a file, in a set-associative table: MEMORY_WAYS blocks to a set, the one that
 * was touched longest ago makes room for a new one, and what it still remembered is counted as lost.
 */
#ifndef PROBES_MEMORY_H
#define PROBES_MEMORY_H

#include "probes/events.h"

#define MEMORY_BLOCK_BITS 5
#define MEMORY_BLOCK_PAGES (1 << MEMORY_BLOCK_BITS)
#define MEMORY_WAYS 4
#define MEMORY_CULPRITS 4       /* told apart within one read; more are SLOT_UNKNOWN */
#define MEMORY_INODES 16384     /* files whose reader is remembered where the memory controller does not say who owns a page */

enum memory_loss {
	MEMORY_LOST_PAGES,       /* forgotten before they were read again */
	MEMORY_LOST_TASK,        /* no storage for a task */
	MEMORY_LOST_UNWATCHED,   /* pages read again before waits were watched */
	MEMORY_LOSSES,
};

struct memory_block {            /* one cache line */
	__u64 ino, block;        /* file; page index / MEMORY_BLOCK_PAGES */
	__u32 file;              /* device and generation of the file, mixed */
	__u32 touched_jiffies;   /* cheaper than a clock, and only compared */
	__u32 owner_added;       /* pages that the owner had brought into the cache by the last eviction */
	__u16 live;              /* pages remembered: evictor != 0 */
	__u16 owner;             /* slot of the page evicted last */
	__u8 evictor[MEMORY_BLOCK_PAGES]; /* slot + 1; 0 = not evicted, or back */
};

struct memory_set {              /* map memory_table */
	__u32 lock;              /* struct bpf_spin_lock */
	__u32 pad;
	struct memory_block way[MEMORY_WAYS];
};

struct memory_slot {             /* map memory_slots: totals of one slot */
	__u64 evicted_pages;     /* of its pages, by reclaim */
	__u64 evicted_by_others_pages; /* … that another slot than its own is to blame for */
	__u64 reread_pages;      /* remembered ones that it read again */
	__u64 waits_begun;       /* being charged; a copy is consistent when this equals refault_waits and did not change meanwhile */
	__u64 refault_waits, refault_wait_ns;
	__u64 reclaims, reclaim_ns;
	__u64 blame_ns[SLOTS];   /* of refault_wait_ns, by culprit */
	__u32 wait_hist[HIST_BUCKETS];
};

_Static_assert(sizeof(struct memory_block) == 64, "memory_block layout");
_Static_assert(sizeof(struct memory_set) == 8 + 64 * MEMORY_WAYS, "memory_set layout");
_Static_assert(sizeof(struct memory_slot) == 8 * (8 + SLOTS) + 4 * HIST_BUCKETS && !(HIST_BUCKETS & 1), "memory_slot layout");

#endif
