/*
 * SMT siblings inside the cpu probe's programs: see smt.h. Called with the CPU's state locked, before its slice is replaced.
 *
 * The sibling's slice is read without its lock. If both end a slice within the same 100 ns, each may see the other's old one and
 * charge the overlap twice, or the new one and not at all: no more than that once in thousands of switches.
 */
#ifndef PROBES_SMT_BPF_H
#define PROBES_SMT_BPF_H

#include "probes/cpu_state.bpf.h"
#include "probes/smt.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct smt_core);
} smt_cores SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct smt_cpu);
} smt_cpus SEC(".maps");

const volatile __u32 smt_on = 0;

static __always_inline bool smt_busy(__u64 slot)
{
	return slot != SLOT_WAKEUP && slot != SLOT_UNKNOWN;
}

/* The slice of this CPU ends at `now`. */
static __noinline int smt_slice_end(struct cpu_state *cs, __u64 now)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct smt_core *core = bpf_map_lookup_elem(&smt_cores, &cpu);
	struct smt_cpu *sums = bpf_map_lookup_elem(&smt_cpus, &cpu);
	__u64 mine = slot_bound(cs->occupant);

	if (!core || !sums || !smt_busy(mine))
		return 0;
	for (__u32 i = 0; i < SMT_MOST && i < core->n; i++) {
		struct cpu_state *other = cpu_of(core->sibling[i]);
		__u64 beside, start;

		if (!other)
			continue;
		beside = slot_bound(*(volatile __u32 *)&other->occupant);
		start = *(volatile __u64 *)&other->slice_start;
		if (start < cs->slice_start)
			start = cs->slice_start;
		if (!smt_busy(beside) || start >= now)
			continue;
		sums->overlap_ns[mine][beside] += now - start;
		sums->overlap_ns[beside][mine] += now - start;
	}
	return 0;
}

#endif
