/*
 * Hardware probe: counters of single slices, chosen by a timer (probes/hardware.h says how and why).
 *
 * perf_event on the CPU clock  begins a measurement; within a slice that is being measured, takes what it has so far
 * sched_switch                 ends it, and measures the next slice
 */
#include "probes/slot.bpf.h"
#include "probes/hardware.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, HARDWARE_COUNTERS); /* × CPUs, set by user space: index = counter × CPUs + CPU */
	__type(key, __u32);
	__type(value, __u32);
} hardware_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hardware_cpu);
} hardware_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct hardware_slot);
} hardware_slots SEC(".maps");

const volatile __u32 n_cpus = 1;
const volatile __u32 counters_open = 0; /* bit set of enum hardware_counter */
__u64 hardware_failed;           /* counters that could not be read */
__u32 hardware_epoch;            /* raised when sched_switch is attached anew: what was under way before is void */

static __always_inline struct hardware_cpu *this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&hardware_cpus, &zero);
}

/* One counter now; false when the kernel would not say. */
static __always_inline bool counter_read(__u32 which, struct bpf_perf_event_value *out)
{
	__u64 index = (__u64)which * n_cpus + bpf_get_smp_processor_id();

	if (!bpf_perf_event_read_value(&hardware_events, index, out, sizeof(*out)))
		return true;
	__sync_fetch_and_add(&hardware_failed, 1);
	return false;
}

/* Read the counters; add what they did since the last time to `slot`, unless this is a beginning. */
static __noinline int measure(struct hardware_cpu *cpu, bool begin)
{
	__u32 slot = cpu->slot;
	struct hardware_slot *sums = bpf_map_lookup_elem(&hardware_slots, &slot);
	__u64 now = bpf_ktime_get_ns();

	for (__u32 i = 0; i < HARDWARE_COUNTERS; i++) {
		struct bpf_perf_event_value v = { 0 };
		struct hardware_value *last = &cpu->at[i];

		if (!(counters_open & (1u << i)) || !counter_read(i, &v))
			continue;
		if (!begin && sums) {
			__sync_fetch_and_add(&sums->sum[i].counter, v.counter - last->counter);
			__sync_fetch_and_add(&sums->sum[i].enabled_ns, v.enabled - last->enabled_ns);
			__sync_fetch_and_add(&sums->sum[i].running_ns, v.running - last->running_ns);
		}
		last->counter = v.counter;
		last->enabled_ns = v.enabled;
		last->running_ns = v.running;
	}
	if (!begin && sums)
		__sync_fetch_and_add(&sums->observed_ns, now - cpu->start_ns);
	cpu->start_ns = now;
	return 0;
}

/* Measure this task from now on; idle is nobody's. */
static __always_inline void begin(struct hardware_cpu *cpu, struct task_struct *task, enum hardware_state state)
{
	struct task_rec *rec = task_record(task);
	__u32 slot = rec ? slot_of_task(task, rec) : SLOT_OTHER;
	struct hardware_slot *sums = bpf_map_lookup_elem(&hardware_slots, &slot);

	cpu->slot = slot;
	cpu->epoch = hardware_epoch;
	cpu->state = state;
	measure(cpu, true);
	if (sums)
		__sync_fetch_and_add(&sums->slices, 1);
}

SEC("perf_event")
int hardware_tick(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct hardware_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	if (cpu->state >= HARDWARE_REST && cpu->epoch == hardware_epoch) {
		measure(cpu, false);
		cpu->state = HARDWARE_REST;
	} else if (task->pid) {
		begin(cpu, task, HARDWARE_REST);
	} else {
		cpu->state = HARDWARE_WANTED;
	}
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(hardware_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct hardware_cpu *cpu = this_cpu();
	__u32 state;

	if (!cpu || cpu->state == HARDWARE_IDLE)
		return 0;
	state = cpu->state;
	if (state >= HARDWARE_REST && cpu->epoch == hardware_epoch)
		measure(cpu, false);
	if (state == HARDWARE_WHOLE)
		cpu->state = HARDWARE_IDLE;
	else if (next->pid)
		begin(cpu, next, HARDWARE_WHOLE);
	else
		cpu->state = HARDWARE_WANTED;
	return 0;
}
