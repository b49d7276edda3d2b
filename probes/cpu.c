/*
 * CPU probe, user side: loads and closes it and tells the table of probes what it is made of. Its parts: cpu.h.
 *
 * Two groups of programs may run in windows: the interrupt clock's (hot), and the scheduler's (core), without which nothing is seen.
 */
#include "probes/cpu.h"

#include "probes/table.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/cpu.skel.h"

/* Exits first: an exit without its entry is harmless. */
#define IRQ_PROGRAMS(c) (c)->skel->progs.cpu_irq_exit, (c)->skel->progs.cpu_softirq_exit, (c)->skel->progs.cpu_irq_entry, \
			(c)->skel->progs.cpu_softirq_entry
#define CORE_PROGRAMS(c) (c)->skel->progs.cpu_migrate, (c)->skel->progs.cpu_switch, (c)->skel->progs.cpu_wakeup, \
			 (c)->skel->progs.cpu_wakeup_new

/* Kernels with CONFIG_IRQ_TIME_ACCOUNTING have a better clock than ours; BPF finds it by itself. */
static bool kernel_has_irq_clock(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *rq;
	bool found = false;
	int id;

	if (!btf)
		return false;
	id = btf__find_by_name_kind(btf, "rq", BTF_KIND_STRUCT);
	rq = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	for (int i = 0; rq && i < btf_vlen(rq); i++)
		found |= !strcmp(btf__name_by_offset(btf, btf_members(rq)[i].name_off), "prev_irq_time");
	btf__free(btf);
	return found;
}

static void smt_prepare(struct cpu_probe *c)
{
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	smt_open(&c->smt, c->n_cpus, root_fd);
	if (root_fd >= 0)
		close(root_fd);
	if (!c->smt.on)
		return;
	c->skel->rodata->smt_on = 1;
	bpf_map__set_max_entries(c->skel->maps.smt_cores, (uint32_t)c->n_cpus);
	bpf_map__set_max_entries(c->skel->maps.smt_cpus, (uint32_t)c->n_cpus);
}

static int cpu_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct cpu_probe *c = mem_alloc(1, sizeof(*c));
	int err;

	*state = c;
	pthread_mutex_init(&c->lock, NULL);
	c->n_cpus = shared->n_cpus;
	c->skel = cpu_bpf__open();
	if (!c->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	bpf_map__set_max_entries(c->skel->maps.cpu_states, (uint32_t)c->n_cpus);
	smt_prepare(c);
	c->own_irq_clock = !kernel_has_irq_clock();
	c->ended = mem_alloc(SLOTS, sizeof(*c->ended));
	c->irq_last = mem_alloc((size_t)c->n_cpus * SLOTS, sizeof(*c->irq_last));
	for (struct bpf_program **prog = (struct bpf_program *[]){ IRQ_PROGRAMS(c), NULL }; *prog; prog++)
		bpf_program__set_autoload(*prog, c->own_irq_clock);
	probe_leave((struct bpf_program *[]){ IRQ_PROGRAMS(c), CORE_PROGRAMS(c), c->skel->progs.cpu_seed, c->skel->progs.cpu_walk, NULL });
	if ((err = probe_share(c->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = cpu_bpf__load(c->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	c->map_bytes = sizeof(struct cpu_state) * (size_t)c->n_cpus;
	c->states = mmap(NULL, c->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(c->skel->maps.cpu_states), 0);
	if (c->states == MAP_FAILED) {
		c->states = NULL;
		return err_set(e, -errno, "cannot map the per-CPU states: %s", strerror(errno));
	}
	return smt_start(&c->smt, bpf_map__fd(c->skel->maps.smt_cores), bpf_map__fd(c->skel->maps.smt_cpus), e);
}

/* What the windows attach is not attached here. */
static int cpu_attach(void *state, struct err *e)
{
	struct cpu_probe *c = state;
	int err = cpu_bpf__attach(c->skel);

	if (err < 0)
		return err_set(e, err, "cannot attach to the scheduler's tracepoints: %s", strerror(-err));
	c->walk = bpf_program__attach_iter(c->skel->progs.cpu_walk, NULL);
	c->read_ns = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

static int cpu_read(void *state, struct probe_sample *s, struct err *e)
{
	(void)e;
	cpu_totals_read(state, s);
	return 0;
}

/* Switches, wakeups and moves that were not shown to us: some machines hide some tasks from tracing. */
static uint64_t cpu_rebuilt(const void *state)
{
	const struct cpu_probe *c = state;
	uint64_t n = 0;

	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		n += c->states[cpu].missed_switches + c->states[cpu].missed_wakeups + c->states[cpu].missed_moves;
	return n;
}

static uint64_t cpu_losses(const void *state)
{
	const struct cpu_probe *c = state;
	uint64_t lost = c->torn + cpu_rebuilt(state);

	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		lost += c->states[cpu].lost_storage + c->states[cpu].lost_state;
	return lost;
}

static struct bpf_object *cpu_object(const void *state)
{
	return ((const struct cpu_probe *)state)->skel->obj;
}

static void cpu_hot(void *state, struct window_group *out)
{
	struct cpu_probe *c = state;

	if (!c->own_irq_clock)
		return;
	*out = (struct window_group){ .edge = cpu_irq_edge, .context = c };
	probe_windows(out, (struct bpf_program *[]){ IRQ_PROGRAMS(c), NULL });
}

static void cpu_core(void *state, struct window_group *out)
{
	struct cpu_probe *c = state;

	*out = (struct window_group){ .edge = cpu_watch_edge, .context = c };
	probe_windows(out, (struct bpf_program *[]){ CORE_PROGRAMS(c), NULL });
}

static uint64_t cpu_core_runs(const void *state)
{
	const struct cpu_probe *c = state;
	uint64_t n = 0;

	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		n += c->states[cpu].switch_runs + c->states[cpu].wakeup_runs;
	return n;
}

/* All that can be spared is sampled. */
static int cpu_step_down(void *state, char *note, size_t size)
{
	(void)state, (void)note, (void)size;
	return -ENOENT;
}

static void cpu_close(void *state)
{
	struct cpu_probe *c = state;

	if (!c)
		return;
	if (c->states)
		munmap(c->states, c->map_bytes);
	smt_close(&c->smt);
	bpf_link__destroy(c->walk);
	cpu_bpf__destroy(c->skel);
	free(c->irq_last);
	free(c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

const struct probe probe_cpu = {
	.name = "cpu", .help = "run time, run-queue wait and exact blame from the scheduler's tracepoints",
	.open = cpu_open, .attach = cpu_attach, .read = cpu_read, .losses = cpu_losses, .rebuilt = cpu_rebuilt,
	.object = cpu_object, .parts = { [PROBE_HOT] = cpu_hot, [PROBE_CORE] = cpu_core },
	.part_help = { [PROBE_HOT] = "interrupt time", [PROBE_CORE] = "run time, waits and blame" }, .core_runs = cpu_core_runs,
	.step_down = cpu_step_down, .close = cpu_close,
};
