/* A disk in memory of one's own: a loop device over a file in /dev/shm. */
#ifndef TESTS_PROBES_LOOP_H
#define TESTS_PROBES_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop {
	char device[64], file[64];   /* paths; "" = none */
	unsigned major, minor;
};

int loop_open(struct loop *l, size_t bytes);      /* 0, or -errno: none to be had */
void loop_close(struct loop *l);                  /* accepts what loop_open() refused, and a second time */

/* The kernel's own account of a device since it began. */
struct disk_account { uint64_t reads, read_ms, merges; }; /* merges: of reads and writes */
int disk_account_read(unsigned major, unsigned minor, struct disk_account *out); /* 0 or -errno */

#endif
