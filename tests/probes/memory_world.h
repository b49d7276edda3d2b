/*
 * The world of test_memory.c: a victim and two possible culprits, each a reader (reader.h) with a file in a memory cgroup of its own
 * below a common parent, slots VICTIM, CULPRIT and SECOND under the memory probe. One scene at a time; its figures stand in `world`.
 */
#ifndef TESTS_PROBES_MEMORY_WORLD_H
#define TESTS_PROBES_MEMORY_WORLD_H

#include <stdbool.h>

#include "tests/probes/memory_group.h"
#include "tests/probes/reader.h"

#define MIB 256u                 /* pages */
#define VICTIM_PAGES (6 * MIB)
#define BIG_PAGES (64 * MIB)     /* each culprit's file */
#define VICTIM SLOT_FIRST
#define CULPRIT (SLOT_FIRST + 1)
#define SECOND (SLOT_FIRST + 2)

struct memory_world {
	char folder[40];             /* of the files, on a block device */
	struct probes *probes;
	struct memory_group parent, groups[3];
	struct reader readers[3];
	struct probe_sample *one, *sum;  /* of the scene */
	uint64_t losses;             /* before the scene */
	struct reader_result seen;   /* of the victim's passes */
	bool machine_evicts;         /* a kernel thread pages out what is cold, whoever else does what */
};

extern struct memory_world world;

/* 0, 77 when this machine cannot (reason printed), 1. */
int memory_world_open(void);
void memory_world_close(void);

/* Limits of the parent and of the victim, 0 = none. The victim's file is in the cache then. Close accepts one half open. */
void memory_scene_open(uint64_t limit_bytes, uint64_t own_bytes);
void memory_scene_close(void);

/* Reader 0 (victim), 1 or 2 does a job; asserts that it could. After a culprit's the probes are read. */
void memory_job(unsigned who, enum reader_kind kind, uint32_t first, uint32_t pages);

#endif
