/*
 * The memory probe's method: whose page, who makes it go, what is remembered of it, and how long its reader then sleeps.
 *
 * Owner of a page: its memory cgroup; where that names no service, the task that read it into the cache.
 *
 * Culprit of an eviction: the task in whose context reclaim works, since it reclaims what it is about to allocate, whether a
 * limit of a memory cgroup or the node's free memory is short (so an own limit is the service's own doing, and the limit of
 * a common parent is charged by who allocates below it). Kernel threads: kswapd works for those that allocated since it last slept,
 * in proportion, counted from the first wakeup on (before: for who woke it); others for the memory cgroup on whose behalf they allocate
 * (active_memcg), else for themselves.
 *
 * Debt: a victim that reads again what a neighbour evicted has to reclaim for it, and may hit its own pages: that is still the
 * neighbour's doing, if the victim would have kept the page without neighbours. Whether it would is the kernel's own test for
 * refaults (mm/workingset.c): pages that the victim brought in since the eviction (its distance) against the room that others
 * hold under the limit in question. So a service whose working set does not fit anyway blames itself.
 *
 * Wait: a task that put evicted pages back into the cache and then sleeps in io_schedule() while they are not yet up to date
 * waits for them, from its switch away to its wakeup. Pages of the same read that were not evicted before take their share,
 * which is nobody's. Readers without a thread that sleeps (io_uring) have no such wait.
 *
 * Page or folio: a folio lies over its first page, mapping and memcg_data at the same places. 5.16 (a0580c6f9bab and
 * following) brought folios to these tracepoints.
 */
#ifndef PROBES_MEMORY_BPF_H
#define PROBES_MEMORY_BPF_H

#include "probes/slot.bpf.h"
#include "probes/memory.h"

#define PF_KSWAPD 0x00020000
#define PF_MEMALLOC 0x00000800     /* set throughout reclaim, by kswapd, direct and memcg reclaim alike */
#define MAPPING_ANON 1ull
#define MEMCG_FLAGS 7ull           /* low bits of memcg_data */
#define KSWAPD_CHUNK 32            /* pages charged to one allocator before the next is chosen: SWAP_CLUSTER_MAX */
#define CHARGE_BATCH 64            /* pages charged at once (MEMCG_CHARGE_BATCH): a limit is reached when so many do not fit */
#define LARGE_BLOCKS 17            /* blocks that a folio of 2 MiB touches */

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct super_block { __u32 s_dev; };
struct inode { unsigned long i_ino; struct super_block *i_sb; __u32 i_generation; };
struct address_space { struct inode *host; };
struct folio {
	struct address_space *mapping;
	unsigned long index;
	unsigned long memcg_data;
	unsigned long _flags_1;
};
struct folio___pages { unsigned int _nr_pages; };          /* 6.15 */
struct folio___folio_pages { unsigned int _folio_nr_pages; }; /* 5.18 to 6.14 */
struct page {
	struct address_space *mapping;
	unsigned long index;
	unsigned long memcg_data;
};
struct page_counter { struct { long counter; } usage; unsigned long max, high; }; /* pages */
struct mem_cgroup { struct cgroup_subsys_state css; struct page_counter memory; };
struct obj_cgroup { struct mem_cgroup *memcg; };
struct cgroup_subsys_state___ss { struct cgroup_subsys *ss; };
struct css_set___subsys { struct cgroup_subsys_state *subsys[1]; };
struct task_struct___memory { struct mem_cgroup *active_memcg; unsigned in_iowait : 1; };
#pragma clang attribute pop

enum pageflags { PG_head = 6, PG_uptodate = 2 };            /* numbers come from the running kernel's BTF */
enum cgroup_subsys_id { memory_cgrp_id = 4 };

struct set_value {               /* struct memory_set with the lock as the verifier wants it */
	struct bpf_spin_lock lock;
	__u32 pad;
	struct memory_block way[MEMORY_WAYS];
};
_Static_assert(sizeof(struct set_value) == sizeof(struct memory_set), "memory_set layout");

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

struct page_place {
	__u64 ino, index;
	__u32 file;
	__u32 n;                 /* pages */
};

struct evictors { __u8 of[MEMORY_BLOCK_PAGES]; __u32 owner, owner_added; };
struct inode_key { __u64 ino, file; };
struct owner_cache { __u64 memcg; __u32 generation, slot; }; /* of the last page on this CPU */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct set_value);
} memory_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct memory_slot);
} memory_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct memory_task);
} memory_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner_cache);
} memory_owner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MEMORY_INODES);
	__type(key, struct inode_key);
	__type(value, __u32);
} memory_inodes SEC(".maps");

const volatile __u32 memory_kind = SLOT_CGROUP2; /* hierarchy of the memory controller */
const volatile __u64 node_pages = 0;             /* of memory */
const volatile __u32 table_mask = 4095;          /* sets - 1 */
__u64 memory_lost[MEMORY_LOSSES];
__u32 memory_active;             /* pages are evicted or read again: set here, reset by user space */
__u32 memory_watched;            /* waits are seen: set by user space */
__u32 memory_epoch;              /* raised by user space: all that was remembered is forgotten */
__u32 slot_added[SLOTS];         /* pages that the slot's tasks brought into the cache */
__u32 memory_by_inode;           /* some service may have no memory cgroup: set by user space */

/* A slot's debt: reclaim that it still does on behalf of a neighbour. */
__u64 debt_pages[SLOTS];
__u32 debt_slot[SLOTS];          /* whose: the last one that evicted pages of it, or whose it brought back */
__u32 debt_distance[SLOTS];      /* of those pages */

/* kswapd: who allocates. */
__u64 kswapd_wakeups;
__u64 kswapd_allocated[SLOTS];   /* pages since it slept */
__s64 kswapd_turn[SLOTS];
__u32 kswapd_waker, kswapd_culprit, kswapd_left;

#define hide(x) asm volatile("" : "+r"(x))

static __always_inline __u64 memory_bound(__u64 slot)
{
	hide(slot);
	if (slot >= SLOTS)
		slot = SLOT_UNKNOWN;
	hide(slot);
	return slot;
}

static __always_inline struct memory_slot *memory_totals(__u32 slot)
{
	return bpf_map_lookup_elem(&memory_slots, &slot);
}

static __always_inline __u32 slot_of_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);

	return rec ? slot_of_task(task, rec) : SLOT_OTHER;
}

/* The nearest selected ancestor-or-self of a memory cgroup that is known only as a number. */
static __noinline __u32 slot_walk(__u64 memcg)
{
	struct slot_ctl *ctl = slot_control();
	struct cgroup_subsys_state *css = memcg ? &((struct mem_cgroup *)memcg)->css : NULL;
	__u32 slot;

	if (!ctl || !(ctl->kinds & (1u << memory_kind)))
		return SLOT_OTHER;
	for (int i = 0; i < SLOT_DEPTH && css; i++) {
		slot = slot_of_id(memory_kind, BPF_CORE_READ(css, cgroup, kn, id));
		if (slot != SLOT_OTHER)
			return slot;
		css = BPF_CORE_READ(css, parent);
	}
	if (css)
		__sync_fetch_and_add(&ctl->lost_depth, 1);
	return SLOT_OTHER;
}

static __always_inline struct cgroup_subsys_state *memory_css_of_current(void)
{
	struct css_set___subsys *set = (void *)bpf_get_current_task_btf()->cgroups;
	struct cgroup_subsys_state *own = NULL;
	__u32 id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

	bpf_probe_read_kernel(&own, sizeof(own), (void *)set + bpf_core_field_offset(set->subsys) + id * sizeof(own));
	return own;
}

/* Kernels after 7.0 charge pages through an object cgroup: tell it from a memory cgroup by the controller behind its css. */
static __always_inline __u64 memcg_of_charge(__u64 charge)
{
	struct cgroup_subsys_state___ss *css = (void *)charge, *own = (void *)memory_css_of_current();
	struct obj_cgroup *objcg = (void *)charge;

	if (!own || BPF_CORE_READ(css, ss) == BPF_CORE_READ(own, ss))
		return charge;
	return (__u64)BPF_CORE_READ(objcg, memcg);
}

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

/* Slot of the memory cgroup behind memcg_data. */
static __noinline __u32 slot_of_charge(__u64 data)
{
	struct slot_ctl *ctl = slot_control();
	__u64 charge = data & ~MEMCG_FLAGS;
	struct owner_cache *cache;
	__u32 zero = 0;

	cache = bpf_map_lookup_elem(&memory_owner, &zero);
	if (!charge || !cache || !ctl)
		return SLOT_OTHER;
	if (cache->memcg == charge && cache->generation == ctl->generation)
		return cache->slot;
	cache->memcg = charge;
	cache->generation = ctl->generation;
	cache->slot = slot_walk(memcg_of_charge(charge));
	return cache->slot;
}

static __always_inline bool page_is_large(void *page)
{
	/* flags stand first; their type changed in 6.18 (53fbef56e07d) */
	return *(unsigned long *)page & (1ul << bpf_core_enum_value(enum pageflags, PG_head));
}

static __always_inline __u32 folio_pages(struct folio *folio)
{
	struct folio___pages *new = (void *)folio;
	struct folio___folio_pages *old = (void *)folio;

	if (!page_is_large(folio))
		return 1;
	if (bpf_core_field_exists(new->_nr_pages))
		return new->_nr_pages;
	if (bpf_core_field_exists(old->_folio_nr_pages))
		return old->_folio_nr_pages;
	return 1;                /* large folios of files came with 5.18 */
}

static __always_inline bool place_of_mapping(struct address_space *mapping, struct page_place *place)
{
	struct inode *inode;

	if (!mapping)
		return false;
	inode = mapping->host;
	if (!inode)
		return false;
	place->ino = inode->i_ino;
	place->file = inode->i_sb->s_dev ^ (inode->i_generation + (memory_epoch << 24)) * 0x9e3779b1u;
	return true;
}

/* Where a page of a file stands; false for others. `data` = its memcg_data. */
static __always_inline bool page_place(void *arg, struct page_place *place, __u64 *data)
{
	struct folio *folio = arg;
	struct page *page = arg;

	if (bpf_core_type_exists(struct folio)) {
		place->index = folio->index;
		place->n = folio_pages(folio);
		*data = bpf_core_field_exists(folio->memcg_data) ? folio->memcg_data : 0;
		return place_of_mapping(folio->mapping, place);
	}
	place->index = page->index;
	place->n = 1;
	*data = bpf_core_field_exists(page->memcg_data) ? page->memcg_data : 0;
	return place_of_mapping(page->mapping, place);
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
	__u64 at = memory_bound(slot), debt = debt_pages[at];
	struct memory_task *t;
	__u64 room;

	if (!debt || slot < SLOT_FIRST)
		return slot;
	t = bpf_task_storage_get(&memory_tasks, task, 0, 0);
	room = t ? memory_room(slot, t->reclaim_of_node) : 0;
	if (debt_distance[at] > room)
		return slot;
	__sync_fetch_and_add(&debt_pages[at], -(debt < pages ? debt : (__u64)pages));
	return debt_slot[at];
}

static __always_inline struct set_value *table_set(const struct page_place *p, __u64 block)
{
	__u64 hash = (p->ino * 0x9e3779b97f4a7c15ull + p->file) ^ (block * 0xc2b2ae3d27d4eb4full);
	__u32 index = (__u32)(hash >> 29) & table_mask;

	return bpf_map_lookup_elem(&memory_table, &index);
}

static __always_inline bool block_matches(const struct memory_block *b, const struct page_place *p, __u64 block)
{
	return b->block == block && b->ino == p->ino && b->file == p->file;
}

/* Remember the pages of `mask` in one block as evicted for `slot`. This and block_take() are global functions, which are
 * verified once and by themselves. */
__noinline int block_mark(const struct page_place *p, __u64 block, __u32 mask, __u32 slot, __u32 owner)
{
	__u32 now = (__u32)bpf_jiffies64(), added = slot_added[memory_bound(owner)], lost = 0;
	struct memory_block *b = NULL;
	struct set_value *set;

	if (!p)
		return 0;
	set = table_set(p, block);
	if (!set)
		return 0;
	bpf_spin_lock(&set->lock);
	for (int i = 0; i < MEMORY_WAYS; i++) {
		struct memory_block *way = &set->way[i];

		if (block_matches(way, p, block)) {
			b = way;
			break;
		}
		if (!b || (way->live ? way->touched_jiffies : 0) < (b->live ? b->touched_jiffies : 0))
			b = way;
	}
	if (!block_matches(b, p, block)) {
		lost = b->live;
		b->ino = p->ino;
		b->block = block;
		b->file = p->file;
		b->live = 0;
		__builtin_memset(b->evictor, 0, sizeof(b->evictor));
	}
	b->touched_jiffies = now;
	b->owner_added = added;
	b->owner = owner;
	for (__u32 i = 0; i < MEMORY_BLOCK_PAGES; i++) {
		if (!(mask & (1u << i)))
			continue;
		b->live += !b->evictor[i];
		b->evictor[i] = slot + 1;
	}
	bpf_spin_unlock(&set->lock);
	if (lost)
		__sync_fetch_and_add(&memory_lost[MEMORY_LOST_PAGES], lost);
	return 0;
}

/* Forget the pages of `mask` in one block; `out` gets who evicted them. Returns how many were remembered. */
__noinline int block_take(const struct page_place *p, __u64 block, __u32 mask, struct evictors *out)
{
	struct set_value *set;
	int found = 0;

	if (!p || !out)
		return 0;
	set = table_set(p, block);
	if (!set)
		return 0;
	bpf_spin_lock(&set->lock);
	for (int w = 0; w < MEMORY_WAYS; w++) {
		struct memory_block *b = &set->way[w];

		if (!b->live || !block_matches(b, p, block))
			continue;
		for (__u32 i = 0; i < MEMORY_BLOCK_PAGES; i++) {
			if (!(mask & (1u << i)) || !b->evictor[i])
				continue;
			out->of[i] = b->evictor[i];
			b->evictor[i] = 0;
			b->live--;
			found++;
		}
		out->owner = b->owner;
		out->owner_added = b->owner_added;
		break;
	}
	bpf_spin_unlock(&set->lock);
	return found;
}

/* The next block of the pages that are left; their bits in it. Moves on behind them. */
static __always_inline __u32 block_next(struct page_place *p, __u64 *block)
{
	__u32 from = p->index & (MEMORY_BLOCK_PAGES - 1), part = MEMORY_BLOCK_PAGES - from;

	if (part > p->n)
		part = p->n;
	*block = p->index >> MEMORY_BLOCK_BITS;
	p->index += part;
	p->n -= part;
	return (__u32)(((1ull << part) - 1) << from);
}

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
