/* See cost.h. */
#include "probes/cost.h"

#include <bpf/bpf.h>

struct sums { uint64_t ns, runs; };

static bool is_hot(const struct window_group *hot, int fd)
{
	for (size_t i = 0; hot && i < hot->n; i++)
		if (hot->programs[i].prog_fd == fd)
			return true;
	return false;
}

static void sums_read(struct cost *c, struct bpf_object *obj, const struct window_group *hot, struct sums *base, struct sums *often)
{
	struct bpf_program *prog;

	c->misses = 0;
	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);
		int fd = bpf_program__fd(prog);
		struct sums *s = is_hot(hot, fd) ? often : base;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		s->ns += info.run_time_ns;
		s->runs += info.run_cnt;
		c->misses += info.recursion_misses;
	}
}

static void part_step(struct cost *c, struct cost_part *p, const struct sums *s, uint64_t on_ns, bool measured)
{
	uint64_t ns = s->ns - p->seen_ns, runs = s->runs - p->seen_runs;

	if (measured && on_ns) {
		p->ns_per_s = (double)ns * 1e9 / (double)on_ns;
		p->runs_per_s = (double)runs * 1e9 / (double)on_ns;
	}
	c->run_ns += measured ? ns : (uint64_t)(p->ns_per_s * (double)on_ns / 1e9);
	c->runs += measured ? runs : (uint64_t)(p->runs_per_s * (double)on_ns / 1e9);
	p->seen_ns = s->ns;
	p->seen_runs = s->runs;
}

void cost_step(struct cost *c, struct bpf_object *obj, const struct window_group *hot, uint64_t length_ns, uint64_t hot_on_ns,
	       bool measured)
{
	struct sums base = { 0 }, often = { 0 };

	sums_read(c, obj, hot, &base, &often);
	part_step(c, &c->base, &base, length_ns, measured);
	part_step(c, &c->hot, &often, hot_on_ns, measured);
}
