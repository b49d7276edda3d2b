/*
 * A probe as a row: how one resource's BPF object is loaded, read and given up. Private to probes/; the collector uses
 * probes/probe.h. Adding a probe = probes/NOUN.bpf.c + probes/NOUN.c that exports `const struct probe probe_NOUN` + one
 * line in PROBE_TABLE + rows in probes/metrics.h.
 *
 * Contract of the row: open() loads (programs not attached yet), sharing the maps named in struct probe_shared through
 * probe_share(). attach() starts. read() adds this interval's figures to the sample: entries are ABSENT / zero before, a
 * probe sets what it measures. All later calls get the pointer that open() stored. close() accepts NULL and half-built.
 */
#ifndef PROBES_TABLE_H
#define PROBES_TABLE_H

#include <bpf/libbpf.h>

#include "probes/probe.h"
#include "probes/window.h"

#define PROBE_TABLE(X) X(cpu) X(disk) X(net) X(request) X(memory) X(hardware)

/* Maps that all BPF objects share, created once: declared in probes/slot.bpf.h. */
struct probe_shared {
	int slot_map_fd, slot_ctl_fd, tasks_fd, wait_logs_fd; /* the last two: -1 until a probe that has them is loaded */
	struct slot_ctl *ctl;
	int n_cpus;              /* possible CPUs */
	uint32_t table_entries;  /* of probes_config; set before probe_shared_open() */
};

struct probe {
	const char *name, *help;
	int (*open)(struct probe_shared *shared, void **state, struct err *e);
	int (*attach)(void *state, struct err *e);
	int (*read)(void *state, struct probe_sample *s, struct err *e);
	uint64_t (*losses)(const void *state);                  /* since open */
	uint64_t (*rebuilt)(const void *state);                 /* of them: what probe_status.rebuilt says; NULL = none */
	struct bpf_object *(*object)(const void *state);        /* for the statistics of its programs */
	/* Programs that may be attached in windows only (not attached by attach()), and what they measure. NULL = none, as is a
	 * group without programs. read() scales the figures of PROBE_HOT by 1 / sample->hot_ratio, and leaves them ABSENT where that
	 * is 0; those of PROBE_CORE by what it knows itself. */
	void (*parts[PROBE_PARTS])(void *state, struct window_group *out);
	const char *part_help[PROBE_PARTS];
	uint64_t (*core_runs)(const void *state);               /* since open, of the core's programs; NULL = not counted */
	int (*step_down)(void *state, char *note, size_t size); /* 0 = cheaper now, -ENOENT = nothing left to give up */
	void (*close)(void *state);
};

#define PROBE_SHARED_NONE (struct probe_shared){ .slot_map_fd = -1, .slot_ctl_fd = -1, .tasks_fd = -1, .wait_logs_fd = -1 }

int probe_shared_open(struct probe_shared *shared, struct err *e); /* *shared = PROBE_SHARED_NONE before */
void probe_shared_adopt(struct bpf_object *obj, struct probe_shared *shared); /* maps that this object is the first to have */
void probe_shared_close(struct probe_shared *shared);              /* accepts none and half-built */

/* Between a skeleton's open and its load, the sizes of its maps being set: replace its slot_map, slot_ctl, tasks and wait_logs by the
 * shared ones (those it has), keep hash tables within table_entries. */
int probe_share(struct bpf_object *obj, struct probe_shared *shared);

/* Lists of programs end with NULL. Before attach(): those that it is to leave out. For a group of parts: these, in this order, without
 * those that were not loaded. */
void probe_leave(struct bpf_program *const *programs);
void probe_windows(struct window_group *out, struct bpf_program *const *programs);
/* read() gives figures for these: `other`, `kernel`, and services; nobody can be in the other slots. */
#define PROBE_FOR_SLOTS(slot, s) for (unsigned slot = 0; slot < (s)->n_slots; slot = slot == SLOT_KERNEL ? SLOT_FIRST : slot + 1)

/* What was seen for a share of the interval, scaled to the whole of it; 0 when it was none. */
uint64_t probe_scaled(uint64_t grown, double ratio);

/* `v1` when that controller sits in a v1 hierarchy of its own, else SLOT_CGROUP2. */
enum slot_kind probe_hierarchy(const char *controller, enum slot_kind v1);

#define PROBE_DECLARE(noun) extern const struct probe probe_##noun;
PROBE_TABLE(PROBE_DECLARE)

#endif
