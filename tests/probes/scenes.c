/*
 * The scenes, and what each must show. Groups: 0 is the victim, 1 the neighbour, 2 and 3 more of them. CPU numbers are
 * taken modulo the number of CPUs.
 */
#include "tests/probes/scene.h"

const struct scene scenes[] = {
	{ .name = "a neighbour burns the CPU the victim works on", .n_tasks = 2, .victim = 0, .culprit = 1, .least = 0.95, .expect = 1,
	  .tasks = { { ACT_WORK, 0, 1, 1, 4000, 4000 }, { ACT_BURN, 1, 1, 1, 0, 0 } } },
	{ .name = "the same, slots by process tree", .n_tasks = 2, .tree = true, .victim = 0, .culprit = 1, .least = 0.95, .expect = 1,
	  .tasks = { { ACT_WORK, 0, 1, 1, 4000, 4000 }, { ACT_BURN, 1, 1, 1, 0, 0 } } },
	{ .name = "the victim's own threads compete", .n_tasks = 1, .steady = true, .victim = 0, .culprit = 0, .least = 0.95, .expect = 1,
	  .tasks = { { ACT_BURN, 0, 4, 1, 0, 0 } } },
	{ .name = "its own quota of 20 % throttles the victim", .n_tasks = 1, .steady = true, .victim = 0, .culprit = PSEUDO + SLOT_THROTTLE,
	  .least = 0.95, .expect = 1, .quota_pct = { 20 }, .tasks = { { ACT_BURN, 0, 1, 1, 0, 0 } } },
	{ .name = "one neighbour burns, another works a little: two thirds to the first", .n_tasks = 3, .victim = 0, .culprit = 1,
	  .tasks = { { ACT_WORK, 0, 1, 1, 4000, 4000 }, { ACT_BURN, 1, 1, 1, 0, 0 }, { ACT_WORK, 2, 1, 1, 2000, 8000 } } },
	{ .name = "a neighbour yields all the time", .n_tasks = 2, .victim = 0, .culprit = 1, .least = 0.95, .expect = 1,
	  .tasks = { { ACT_WORK, 0, 1, 1, 4000, 4000 }, { ACT_YIELD, 1, 1, 1, 20, 0 } } },
	{ .name = "a neighbour of thousands of short-lived processes", .n_tasks = 2, .victim = 0, .culprit = 1, .least = 0.9, .expect = 1,
	  .tasks = { { ACT_WORK, 0, 1, 1, 4000, 4000 }, { ACT_FORK, 1, 2, 1, 100, 0 } } },
	{ .name = "switch storm: pairs waking each other on every CPU", .n_tasks = 6, .steady = true,
	  .tasks = { { ACT_PING, 0, 1, 0, 0, 0 }, { ACT_PONG, 0, 1, 0, 0, 0 }, { ACT_PING, 1, 1, 0, 0, 0 }, { ACT_PONG, 1, 1, 0, 0, 0 },
		     { ACT_PING, 2, 1, ANY_CPU, 0, 0 }, { ACT_PONG, 2, 1, ANY_CPU, 0, 0 } } },
	{ .name = "many runnable tasks, migrations while queued, exits", .n_tasks = 6,
	  .tasks = { { ACT_BURN, 0, 3, ANY_CPU, 0, 0 }, { ACT_WORK, 0, 4, ANY_CPU, 800, 300 }, { ACT_BURN, 1, 3, ANY_CPU, 0, 0 },
		     { ACT_YIELD, 1, 2, ANY_CPU, 50, 0 }, { ACT_FORK, 2, 2, ANY_CPU, 300, 1500 }, { ACT_SHUFFLE, 3, 2, ANY_CPU, 2000, 0 } } },
};
const unsigned n_scenes = sizeof(scenes) / sizeof(scenes[0]);
