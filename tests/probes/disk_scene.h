/* One or two fio jobs in services of their own under the disk probe, and checks of its counts. For test_disk*.c: one world per program. */
#ifndef TESTS_PROBES_DISK_SCENE_H
#define TESTS_PROBES_DISK_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probes/probe.h"
#include "tests/probes/fio.h"

#define DISK_SCENE_JOBS 2
#define WRITEBACK_MOST (4 << 20)     /* bytes in one request */

struct disk_scene {
	struct fio_account fio[DISK_SCENE_JOBS];
	double lost, merges;         /* events that the probe lost; requests merged into others on the device, whosever */
	double device_read_ms;       /* the kernel's account of the device */
};

/* Services with blkio cgroups, as `cotenant run` makes them, or (where that controller is on v1) without: then the task that asks and the file
 * tell whose a request is. 0; else the reason has been printed and the program exits with 77. */
int disk_scene_open(bool with_blkio);
void disk_scene_close(void);

/* Plays the jobs to their end; everything dirty is written before and after. Fails the test when a job fails or when the blame rows are
 * not the outstanding time, to the ns. False: the machine had paged out programs, whose pages were read in meanwhile; not so at once after. */
bool disk_scene_play(struct disk_scene *s, const char *const jobs[], size_t n, dev_t device);

double disk_scene_got(enum probe_counter m, unsigned job);           /* the probe's, of the scene played last; 0 = none or absent */
const struct probe_sample *disk_scene_sample(void);

/* `got` lies between expected - fewer - lost and expected + lost. */
void disk_scene_count(const char *what, double got, double expected, double fewer, double lost);

/* Bytes and requests that a job read: what the kernel counted for its process; that is its own and its program's, when that was not
 * in the page cache. */
void disk_scene_reads(const struct disk_scene *s, unsigned job, const char *what);

#endif
