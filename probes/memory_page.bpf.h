/*
 * Whose page, and where it stands in which file.
 *
 * Owner: the slot of its memory cgroup. Page or folio: a folio lies over its first page, mapping and memcg_data at the same places;
 * 5.16 (a0580c6f9bab and following) brought folios to these tracepoints.
 */
#ifndef PROBES_MEMORY_PAGE_BPF_H
#define PROBES_MEMORY_PAGE_BPF_H

#include "probes/slot.bpf.h"
#include "probes/memory.h"

#define MAPPING_ANON 1ull
#define MEMCG_FLAGS 7ull           /* low bits of memcg_data */

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

struct page_place {
	__u64 ino, index;
	__u32 file;
	__u32 n;                 /* pages */
};

struct inode_key { __u64 ino, file; };
struct owner_cache { __u64 memcg; __u32 generation, slot; }; /* of the last page on this CPU */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct memory_slot);
} memory_slots SEC(".maps");

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
__u64 memory_lost[MEMORY_LOSSES];
__u32 memory_epoch;              /* raised by user space: all that was remembered is forgotten */
__u32 memory_by_inode;           /* some service may have no memory cgroup: set by user space */

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
	__u32 id;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
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

/* Slot of the memory cgroup behind memcg_data. */
static __noinline __u32 slot_of_charge(__u64 data)
{
	struct slot_ctl *ctl = slot_control();
	__u64 charge = data & ~MEMCG_FLAGS;
	struct owner_cache *cache;
	__u32 zero = 0;

	if (!bpf_core_type_exists(struct mem_cgroup))
		return SLOT_OTHER;
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

#endif
