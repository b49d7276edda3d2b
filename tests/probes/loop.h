/* A disk of one's own: a loop device over a file, in memory or on another disk. */
#ifndef TESTS_PROBES_LOOP_H
#define TESTS_PROBES_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop {
	char device[64], file[64];   /* paths; "" = none */
	unsigned major, minor;
};

/* Its file lies in that folder; where that is on a disk, the file's bytes are written, and the loop device reads and writes past the
 * page cache. 0, or -errno: none to be had. */
int loop_open(struct loop *l, const char *folder, size_t bytes);
void loop_close(struct loop *l);                  /* accepts what loop_open() refused, and a second time */

/* The kernel's own account of a device since it began. */
struct disk_account { uint64_t reads, read_ms, merges; }; /* merges: of reads and writes */
int disk_account_read(unsigned major, unsigned minor, struct disk_account *out); /* 0 or -errno */

#endif
