/* The map of the waits' logs (probes/waits.h): written by the CPU probe (cpu_waits.bpf.h), read by the request probe. */
#ifndef PROBES_WAITS_BPF_H
#define PROBES_WAITS_BPF_H

#include "probes/slot.bpf.h"
#include "probes/waits.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wait_log);
} wait_logs SEC(".maps");

#endif
