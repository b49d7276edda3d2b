/*
 * The kernel's structures, reduced to the fields we read. CO-RE (preserve_access_index) finds the offsets on the running
 * kernel, so there is no vmlinux.h and one object serves all kernels. A field that some kernels lack is read behind
 * bpf_core_field_exists(); the part of a name behind ___ is a flavour, which libbpf ignores when it matches names.
 */
#ifndef PROBES_KERNEL_BPF_H
#define PROBES_KERNEL_BPF_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define PF_KTHREAD 0x00200000
#define PRIO_FAIR 100              /* below it: real time and deadline */
#define CGROUP_QUOTA_NONE (~0ULL)  /* RUNTIME_INF */

/* What clang knows of a value is forgotten: it keeps the bound check that the verifier wants to see, and the verifier need not follow
 * each value. */
#define hide(v) asm volatile("" : "+r"(v))

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct timerqueue_node {
	__s64 expires;
};

struct hrtimer {
	struct timerqueue_node node;
};

struct cfs_bandwidth {
	__s64 period;
	__u64 quota;
	struct hrtimer period_timer;
};

struct task_group {
	struct cgroup_subsys_state css;
	struct task_group *parent;
	struct cfs_bandwidth cfs_bandwidth;
};

struct sched_info {
	unsigned long long last_queued; /* by rq->clock; 0 = not waiting */
};

struct rq {
	__u64 clock;
	__u64 prev_irq_time;      /* CONFIG_IRQ_TIME_ACCOUNTING */
	__u64 prev_steal_time_rq; /* CONFIG_PARAVIRT_TIME_ACCOUNTING */
};

struct cfs_rq {
	struct rq *rq;
	struct task_group *tg;
	int throttle_count;
};

struct sched_entity {
	__u64 sum_exec_runtime, prev_sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct thread_info {
	__u32 cpu;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	unsigned int on_cpu; /* unsigned here, so that CO-RE may narrow the load: a byte since 7.x, an int before */
	int prio;
	int pid, tgid;
	struct task_struct *real_parent;
	struct css_set *cgroups;
	struct task_group *sched_task_group;
	struct sched_entity se;
	struct sched_info sched_info;
};

struct bpf_iter__task {
	struct task_struct *task;
};

struct task_struct___cpu { /* before 5.16 (bcf9033e5449) the CPU stood in the task itself */
	unsigned int cpu;
};

#pragma clang attribute pop

#endif
