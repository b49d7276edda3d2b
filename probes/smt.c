/* Siblings from sysfs, and the sums of what they ran beside each other: see smt.h. */
#include "probes/smt.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"
#include "probes/table.h"

#define RETRIES 100 /* of a copy that changes while it is taken */

static void sibling_add(struct smt_core *core, int n_cpus, int self, uint64_t cpu)
{
	if (cpu < (uint64_t)n_cpus && cpu != (uint64_t)self && core->n < SMT_MOST)
		core->sibling[core->n++] = (uint32_t)cpu;
}

/* A list of CPUs as sysfs writes it: "0,4" or "0-1" or "0-3,8-11". A list that is not one has no siblings. */
static void siblings_parse(char *text, struct smt_core *core, int n_cpus, int self)
{
	char *save = NULL;

	for (char *part = strtok_r(text, ",\n", &save); part; part = strtok_r(NULL, ",\n", &save)) {
		char *dash = strchr(part, '-');
		uint64_t first, last;

		if (dash)
			*dash++ = '\0';
		if (parse_u64(part, &first) || parse_u64(dash ? dash : part, &last) || last < first) {
			core->n = 0;
			return;
		}
		for (uint64_t cpu = first; cpu <= last && cpu < (uint64_t)n_cpus; cpu++)
			sibling_add(core, n_cpus, self, cpu);
	}
}

void smt_open(struct smt *s, int n_cpus, int root_fd)
{
	*s = (struct smt){ .n_cpus = n_cpus, .cores = mem_alloc((size_t)n_cpus, sizeof(*s->cores)) };
	for (int cpu = 0; cpu < n_cpus; cpu++) {
		char path[96], text[1024];

		snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
		if (file_read_at(root_fd, path, text, sizeof(text)) <= 0)
			continue;
		siblings_parse(text, &s->cores[cpu], n_cpus, cpu);
		s->on |= s->cores[cpu].n > 0;
	}
	if (!s->on)
		return;
	s->now = mem_alloc(SLOTS, sizeof(*s->now));
	s->last = mem_alloc(SLOTS, sizeof(*s->last));
	s->cut = mem_alloc(SLOTS, sizeof(*s->cut));
	s->ended = mem_alloc(SLOTS, sizeof(*s->ended));
	s->copy = mem_alloc(1, sizeof(*s->copy));
}

int smt_start(struct smt *s, int cores_map_fd, int cpus_map_fd, struct err *e)
{
	void *map;

	if (!s->on)
		return 0;
	for (uint32_t cpu = 0; cpu < (uint32_t)s->n_cpus; cpu++)
		if (bpf_map_update_elem(cores_map_fd, &cpu, &s->cores[cpu], BPF_ANY))
			return err_set(e, -errno, "cannot write the SMT siblings into a BPF map: %s", strerror(errno));
	s->map_bytes = (size_t)s->n_cpus * sizeof(struct smt_cpu);
	map = mmap(NULL, s->map_bytes, PROT_READ, MAP_SHARED, cpus_map_fd, 0);
	if (map == MAP_FAILED)
		return err_set(e, -errno, "cannot map the siblings' sums: %s", strerror(errno));
	s->cpus = map;
	return 0;
}

static bool busy(uint32_t slot)
{
	return slot < SLOTS && slot != SLOT_WAKEUP && slot != SLOT_UNKNOWN;
}

/* One CPU's ended overlaps at one moment. */
static void cpu_add(struct smt *s, const struct cpu_state *cs, int cpu)
{
	for (int i = 0; i < RETRIES; i++) {
		uint64_t seq = __atomic_load_n(&cs->seq, __ATOMIC_ACQUIRE);

		memcpy(s->copy, &s->cpus[cpu], sizeof(*s->copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && __atomic_load_n(&cs->seq, __ATOMIC_RELAXED) == seq)
			break;
	}
	for (unsigned i = 0; i < SLOTS * SLOTS; i++)
		s->now[i / SLOTS][i % SLOTS] += s->copy->overlap_ns[i / SLOTS][i % SLOTS];
}

/* The overlap under way between a CPU and its siblings; each pair once. */
static void pairs_add(struct smt *s, const struct cpu_state *states, int cpu, uint64_t now_ns)
{
	uint32_t mine = states[cpu].occupant;
	uint64_t my_start = states[cpu].slice_start;

	for (unsigned i = 0; busy(mine) && i < s->cores[cpu].n; i++) {
		const struct cpu_state *other = &states[s->cores[cpu].sibling[i]];
		uint32_t beside = other->occupant;
		uint64_t start = other->slice_start > my_start ? other->slice_start : my_start;

		if ((int)s->cores[cpu].sibling[i] < cpu || !busy(beside) || start >= now_ns)
			continue;
		s->now[mine][beside] += now_ns - start;
		s->now[beside][mine] += now_ns - start;
	}
}

void smt_finish(struct smt *s, const struct cpu_state *states, uint64_t at_ns)
{
	if (!s->on)
		return;
	memcpy(s->now, s->cut, SLOTS * sizeof(*s->now));
	for (int cpu = 0; cpu < s->n_cpus; cpu++)
		pairs_add(s, states, cpu, at_ns);
	memcpy(s->cut, s->now, SLOTS * sizeof(*s->now));
	for (int cpu = 0; cpu < s->n_cpus; cpu++)
		cpu_add(s, &states[cpu], cpu);
	memcpy(s->ended, s->now, SLOTS * sizeof(*s->now));
}

/* What a switch moved from "under way" to "ended" between two looks may seem to shrink: it is reported once it has grown. */
void smt_read(struct smt *s, const struct cpu_state *states, uint64_t now_ns, double scale, struct probe_sample *out)
{
	if (!s->on)
		return;
	memcpy(s->now, states ? s->cut : s->ended, SLOTS * sizeof(*s->now));
	for (int cpu = 0; states && cpu < s->n_cpus; cpu++) {
		cpu_add(s, &states[cpu], cpu);
		pairs_add(s, states, cpu, now_ns);
	}
	PROBE_FOR_SLOTS(v, out) {
		uint64_t sum = 0;

		for (unsigned c = 0; c < SLOTS; c++) {
			if (s->now[v][c] <= s->last[v][c])
				continue;
			out->blame[PROBE_BLAME_SMT][v][c] = (uint64_t)((double)(s->now[v][c] - s->last[v][c]) * scale + 0.5);
			s->last[v][c] = s->now[v][c];
			sum += out->blame[PROBE_BLAME_SMT][v][c];
		}
		out->counters[PROBE_COUNTER_CPU_SMT][v] = (int64_t)sum;
	}
	out->blame_present[PROBE_BLAME_SMT] = true;
}

void smt_close(struct smt *s)
{
	if (s->cpus && s->map_bytes)
		munmap((void *)s->cpus, s->map_bytes);
	free(s->cores);
	free(s->now);
	free(s->last);
	free(s->cut);
	free(s->ended);
	free(s->copy);
	*s = (struct smt){ 0 };
}
