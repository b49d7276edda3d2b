/*
 * Memory probe, user side: size of the table of evicted pages, totals per slot from mapped memory.
 *
 * Conservation: every wait for evicted pages is divided among its culprits to the ns when it is charged, so a victim's refault wait =
 * sum of its blame row. Copies taken while a charge is under way are taken again; should that never end, it is counted as a loss.
 */
#include "probes/table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "probes/memory.h"
#include "probes/memory.skel.h"

/* What was evicted longer ago than the node's memory has been refilled once would be gone without the culprit, too: so one block for
 * 128 KiB of memory, within bounds (4 to 8 MiB of tables; the upper one remembers 16 GiB of neighbouring pages; with the lower one
 * a few thousand blocks hardly ever meet five in a set. With a quarter of it, which a guest of 1.5 GB had, they do now and then:
 * likely why 192 pages were lost there; it was not run again). */
#define BYTES_PER_SET ((uint64_t)MEMORY_WAYS * MEMORY_BLOCK_PAGES * 4096)
#define SETS_LEAST 16384u
#define SETS_MOST 32768u
#define QUIET_NS 60000000000ull   /* without evictions and returns: then only evictions are watched */
#define COPIES 1000              /* attempts; a charge takes a microsecond */

struct memory_probe {
	struct memory_bpf *skel;
	struct memory_slot *slots;   /* mapped */
	size_t map_bytes;
	struct memory_slot last[SLOTS];
	const struct slot_ctl *ctl;
	enum slot_kind kind;
	bool no_anonymous;           /* kswapd is charged by page cache only */
	bool no_reclaim;
	uint64_t torn;               /* copies that stayed inconsistent */
	uint64_t unattached;         /* programs that could not be attached when needed */
	uint64_t active_ns;          /* when pages were last evicted or read again; 0 = long ago */
};

enum { WATCH_ADD, WATCH_SWITCH, WATCH_WAKEUP, WATCH_ANONYMOUS, WATCHERS };

struct watcher { struct bpf_program **program; struct bpf_link **link; };

/* Programs that are attached only while there is something to see: a tracepoint with a program costs some 100 ns. */
static struct watcher watcher(struct memory_probe *p, size_t i)
{
	struct memory_bpf *k = p->skel;
	const struct watcher all[WATCHERS] = {
		[WATCH_ADD] = { &k->progs.memory_add, &k->links.memory_add },
		[WATCH_SWITCH] = { &k->progs.memory_switch, &k->links.memory_switch },
		[WATCH_WAKEUP] = { &k->progs.memory_wakeup, &k->links.memory_wakeup },
		[WATCH_ANONYMOUS] = { &k->progs.memory_lru, &k->links.memory_lru },
	};

	return all[i];
}

static uint32_t table_sets(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t sets = SETS_LEAST;

	while (sets < SETS_MOST && sets * BYTES_PER_SET < bytes)
		sets *= 2;
	return sets;
}

/* Load only programs whose tracepoint this kernel has; the page cache's and the scheduler's are needed. */
static int programs_choose(struct memory_probe *p, struct err *e)
{
	const struct bpf_program *needed[] = { p->skel->progs.memory_evict, p->skel->progs.memory_add, p->skel->progs.memory_switch,
					       p->skel->progs.memory_wakeup };
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, p->skel->obj) {
		const char *name = strchr(bpf_program__section_name(prog), '/') + 1;

		if (libbpf_find_vmlinux_btf_id(name, BPF_TRACE_RAW_TP) > 0)
			continue;
		bpf_program__set_autoload(prog, false);
		for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
			if (needed[i] == prog)
				return err_set(e, -ENOTSUP, "this kernel lacks the tracepoint %s", name);
	}
	for (size_t i = 0; i < WATCHERS; i++)
		bpf_program__set_autoattach(*watcher(p, i).program, false);
	return 0;
}

static int memory_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct memory_probe *p = mem_alloc(1, sizeof(*p));
	uint32_t sets = table_sets();
	int err;

	*state = p;
	p->ctl = shared->ctl;
	p->kind = probe_hierarchy("memory", SLOT_MEMORY1);
	p->skel = memory_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	if ((err = programs_choose(p, e)) < 0)
		return err;
	p->skel->rodata->memory_kind = p->kind;
	p->skel->rodata->table_mask = sets - 1;
	p->skel->rodata->node_pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	if ((err = bpf_map__set_max_entries(p->skel->maps.memory_table, sets)) < 0 || (err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot set up BPF maps: %s", strerror(-err));
	if ((err = memory_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	p->map_bytes = sizeof(struct memory_slot) * SLOTS;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.memory_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

static int memory_attach(void *state, struct err *e)
{
	struct memory_probe *p = state;
	int err = memory_bpf__attach(p->skel);

	return err < 0 ? err_set(e, err, "cannot attach to the page cache's tracepoints: %s", strerror(-err)) : 0;
}

static void watcher_set(struct memory_probe *p, size_t i, bool on)
{
	struct watcher w = watcher(p, i);

	if (!on) {
		bpf_link__destroy(*w.link);
		*w.link = NULL;
	} else if (!*w.link && bpf_program__fd(*w.program) >= 0) {
		*w.link = bpf_program__attach(*w.program);
		p->unattached += !*w.link;
	}
}

/* Attach what is needed now. A service without a memory cgroup owns pages through the files that it reads, hence looks at pages
 * that come even when none go; where others do have one, this is given up and its evictions count as `other`'s. */
static void watchers_choose(struct memory_probe *p, uint64_t now_ns)
{
	struct memory_bpf__bss *bss = p->skel->bss;
	uint32_t kinds = __atomic_load_n(&p->ctl->kinds, __ATOMIC_RELAXED);
	bool active = __atomic_exchange_n(&bss->memory_active, 0, __ATOMIC_RELAXED), by_inode = (kinds & 1u << SLOT_TREE) || !(kinds & 1u << p->kind);

	if (active)
		p->active_ns = now_ns;
	else if (p->active_ns && now_ns - p->active_ns > QUIET_NS) {
		p->active_ns = 0;
		bss->memory_epoch++;  /* pages come back unseen from here on */
	}
	bss->memory_by_inode = by_inode;
	watcher_set(p, WATCH_ADD, p->active_ns || by_inode);
	watcher_set(p, WATCH_SWITCH, p->active_ns);
	watcher_set(p, WATCH_WAKEUP, p->active_ns);
	watcher_set(p, WATCH_ANONYMOUS, bss->kswapd_wakeups && p->active_ns && !p->no_anonymous);
	bss->memory_watched = p->skel->links.memory_switch && p->skel->links.memory_wakeup;
}

static struct memory_slot slot_copy(struct memory_probe *p, unsigned slot)
{
	const struct memory_slot *from = &p->slots[slot];
	struct memory_slot copy;

	for (int i = 0; i < COPIES; i++) {
		uint64_t begun = __atomic_load_n(&from->waits_begun, __ATOMIC_ACQUIRE);

		copy = *from;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (copy.refault_waits == begun && __atomic_load_n(&from->waits_begun, __ATOMIC_RELAXED) == begun)
			return copy;
	}
	p->torn++;
	return copy;
}

static void slot_report(struct memory_probe *p, unsigned slot, struct probe_sample *s)
{
	struct memory_slot *last = &p->last[slot], now = slot_copy(p, slot);
	const struct { enum probe_counter id; uint64_t value; } rows[] = {
#define GROWN(id, field) { PROBE_COUNTER_##id, now.field - last->field }
		GROWN(MEM_EVICTED, evicted_pages), GROWN(MEM_EVICTED_BY_OTHERS, evicted_by_others_pages), GROWN(MEM_REREAD, reread_pages),
		GROWN(MEM_REFAULT_WAITS, refault_waits), GROWN(MEM_REFAULT_WAIT, refault_wait_ns), GROWN(MEM_RECLAIMS, reclaims), GROWN(MEM_RECLAIM, reclaim_ns),
#undef GROWN
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].id][slot] = (int64_t)rows[i].value;
	if (p->no_reclaim)
		s->counters[PROBE_COUNTER_MEM_RECLAIMS][slot] = s->counters[PROBE_COUNTER_MEM_RECLAIM][slot] = PROBE_ABSENT;
	for (unsigned k = 0; k < SLOTS; k++)
		s->blame[PROBE_BLAME_MEMORY][slot][k] = now.blame_ns[k] - last->blame_ns[k];
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		s->hists[PROBE_HIST_MEM_REFAULT_WAIT][slot][i] = now.wait_hist[i] - last->wait_hist[i];
	*last = now;
}

static int memory_read(void *state, struct probe_sample *s, struct err *e)
{
	struct memory_probe *p = state;

	(void)e;
	watchers_choose(p, s->start_ns);
	PROBE_FOR_SLOTS(slot, s)
		slot_report(p, slot, s);
	s->hist_present[PROBE_HIST_MEM_REFAULT_WAIT] = true;
	s->blame_present[PROBE_BLAME_MEMORY] = true;
	return 0;
}

static uint64_t memory_losses(const void *state)
{
	const struct memory_probe *p = state;
	uint64_t lost = p->torn + p->unattached;

	for (int i = 0; i < MEMORY_LOSSES; i++)
		lost += p->skel->bss->memory_lost[i];
	return lost;
}

static struct bpf_object *memory_object(const void *state)
{
	return ((const struct memory_probe *)state)->skel->obj;
}

static void link_drop(struct bpf_link **link)
{
	bpf_link__destroy(*link);
	*link = NULL;
}

/* First who allocates anonymous memory while kswapd works, then the time spent in reclaim. */
static int memory_step_down(void *state, char *note, size_t size)
{
	struct memory_probe *p = state;

	if (!p->no_anonymous) {
		p->no_anonymous = true;
		watcher_set(p, WATCH_ANONYMOUS, false);
		snprintf(note, size, "anonymous memory no longer counts in whom kswapd works for: page cache alone does");
		return 0;
	}
	if (p->no_reclaim)
		return -ENOENT;
	p->no_reclaim = true;
	link_drop(&p->skel->links.memory_direct_begin);
	link_drop(&p->skel->links.memory_direct_end);
	link_drop(&p->skel->links.memory_memcg_begin);
	link_drop(&p->skel->links.memory_memcg_end);
	snprintf(note, size, "time in reclaim is no longer measured, and whom kswapd works for is told by page cache alone");
	return 0;
}

static void memory_close(void *state)
{
	struct memory_probe *p = state;

	if (!p)
		return;
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	memory_bpf__destroy(p->skel);
	free(p);
}

const struct probe probe_memory = {
	.name = "memory", .help = "page-cache evictions, waits for evicted pages and their blame, time in reclaim",
	.open = memory_open, .attach = memory_attach, .read = memory_read, .losses = memory_losses, .object = memory_object,
	.step_down = memory_step_down, .close = memory_close,
};
