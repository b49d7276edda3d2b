/*
 * Small worlds with a known answer: a few tasks in groups, each group its own cgroup and slot, run for a while under the
 * probes, with the kernel's own accounting beside. Used by test_cpu.c (asserts) and bench_truth_cpu.c (the table in docs).
 *
 * All tasks are forked first and block; figures are read; they are let go, and stopped; when all sleep again figures are
 * read again. So both accounts cover the same waits. Groups get the largest CPU weight, so that the rest of a busy machine
 * hardly takes part.
 */
#ifndef TESTS_PROBES_SCENE_H
#define TESTS_PROBES_SCENE_H

#include <stdint.h>

#include "probes/probe.h"

enum scene_act {
	ACT_BURN,     /* computes without end */
	ACT_WORK,     /* computes a_us, sleeps b_us (both varied by half) */
	ACT_YIELD,    /* computes a_us, yields */
	ACT_FORK,     /* starts children that compute a_us and exit, one after the other */
	ACT_PING,     /* wakes its pair (the next task) through a pipe, and waits for it; the pair is ACT_PONG */
	ACT_PONG,
	ACT_SHUFFLE,  /* every a_us moves some task of the scene to some CPU */
};

#define SCENE_TASKS 24
#define SCENE_GROUPS 4
#define ANY_CPU -1

struct scene_task {
	enum scene_act act;
	unsigned group, times;   /* times: how many such tasks, 0 = one */
	int cpu;                 /* pinned there, or ANY_CPU */
	unsigned a_us, b_us;
};

struct scene {
	const char *name;
	struct scene_task tasks[8];
	unsigned n_tasks;
	unsigned quota_pct[SCENE_GROUPS];    /* of one CPU, 0 = none */
	bool tree;                           /* slots by process tree, not by cgroup */
	bool steady;                         /* the same happens all the time: a part of it stands for all */
	unsigned victim, culprit;            /* group, or for culprit a pseudo slot + PSEUDO */
	double least;                        /* share of the victim's wait that must stand at the culprit; 0 = no claim */
	double expect;                       /* what it should be, for the table */
};

#define PSEUDO 100
#define SCENE_SLOT(group) ((group) >= PSEUDO ? (group) - PSEUDO : SLOT_FIRST + (group))

struct scene_result {
	uint64_t run_ns[SLOTS], irq_ns[SLOTS], wait_ns[SLOTS], blame[SLOTS][SLOTS];
	uint64_t kernel_run_ns[SLOTS], kernel_wait_ns[SLOTS];  /* schedstat of the groups' tasks */
	uint64_t group_run_ns[SLOTS];        /* cpu.stat of the groups' cgroups, 0 = none */
	uint64_t worst_residual_ns, losses;
	uint64_t rebuilt;                    /* events that the kernel did not show (struct probe_status) */
	uint64_t throttled_ns;               /* of the victim's cgroup, cpu.stat */
	uint64_t outside_ns;                 /* that the scene's CPU (all, if it has several), or its host, worked for others: /proc/stat less the groups' usage */
	uint64_t hist_count[SLOTS], waits[SLOTS], runs[SLOTS];
};

extern const struct scene scenes[];
extern const unsigned n_scenes;

struct scene_pace { unsigned run_ms, readings; }; /* readings before it ends; one more follows when all sleep */

/* 0, or -errno with the reason printed to stderr. */
int scene_run(const struct scene *scene, struct probes *p, struct scene_pace pace, struct scene_result *out);

#endif
