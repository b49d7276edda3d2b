/* The table of evicted pages: probes/memory.h. Each set has its lock, so that a page is remembered and forgotten exactly. */
#ifndef PROBES_MEMORY_TABLE_BPF_H
#define PROBES_MEMORY_TABLE_BPF_H

#include "probes/memory_page.bpf.h"

struct set_value {               /* struct memory_set with the lock as the verifier wants it */
	struct bpf_spin_lock lock;
	__u32 pad;
	struct memory_block way[MEMORY_WAYS];
};
_Static_assert(sizeof(struct set_value) == sizeof(struct memory_set), "memory_set layout");

/* Who evicted the pages of one block, as in struct memory_block. */
struct evictors { __u8 of[MEMORY_BLOCK_PAGES]; __u32 owner, owner_added; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct set_value);
} memory_table SEC(".maps");

const volatile __u32 table_mask = 4095;          /* sets - 1 */
__u32 slot_added[SLOTS];         /* pages that the slot's tasks brought into the cache */

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

#endif
