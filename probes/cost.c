/* See cost.h. */
#include "probes/cost.h"

#include <bpf/bpf.h>

struct sums { uint64_t ns, runs; };

static bool holds(const struct window_group *group, int fd)
{
	for (size_t i = 0; i < group->n; i++)
		if (group->programs[i].prog_fd == fd)
			return true;
	return false;
}

/* sums[PROBE_PARTS] is for the programs of no part. */
static void sums_read(struct cost *c, struct bpf_object *obj, const struct part *parts, struct sums sums[PROBE_PARTS + 1])
{
	struct bpf_program *prog;

	c->misses = 0;
	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);
		int fd = bpf_program__fd(prog), k = 0;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		while (k < PROBE_PARTS && !holds(&parts[k].group, fd))
			k++;
		sums[k].ns += info.run_time_ns;
		sums[k].runs += info.run_cnt;
		c->misses += info.recursion_misses;
	}
}

static void rates_set(struct cost_part *p, double ns, double runs, uint64_t on_ns)
{
	if (!on_ns)
		return;
	p->ns_per_s = ns * 1e9 / (double)on_ns;
	p->runs_per_s = runs * 1e9 / (double)on_ns;
}

static void part_step_cost(struct cost *c, struct cost_part *p, const struct sums *s, uint64_t on_ns, bool measured)
{
	uint64_t ns = s->ns - p->seen_ns, runs = s->runs - p->seen_runs;

	if (measured) {
		rates_set(p, (double)ns, (double)runs, on_ns);
		p->ns_per_run = runs ? (double)ns / (double)runs : p->ns_per_run;
	}
	c->run_ns += measured ? ns : (uint64_t)(p->ns_per_s * (double)on_ns / 1e9);
	c->runs += measured ? runs : (uint64_t)(p->runs_per_s * (double)on_ns / 1e9);
	p->seen_ns = s->ns;
	p->seen_runs = s->runs;
}

void cost_step(struct cost *c, struct bpf_object *obj, const struct cost_interval *i)
{
	struct sums sums[PROBE_PARTS + 1] = { 0 };
	struct cost_part *core = &c->parts[PROBE_CORE];

	sums_read(c, obj, i->parts, sums);
	if (i->counts && !i->measured && core->ns_per_run > 0) {
		double runs = (double)(i->core_runs - core->counted);

		rates_set(core, runs * core->ns_per_run, runs, i->parts[PROBE_CORE].on_ns);
	}
	core->counted = i->core_runs;
	part_step_cost(c, &c->base, &sums[PROBE_PARTS], i->length_ns, i->measured);
	for (int k = 0; k < PROBE_PARTS; k++)
		part_step_cost(c, &c->parts[k], &sums[k], i->parts[k].on_ns, i->measured);
}
