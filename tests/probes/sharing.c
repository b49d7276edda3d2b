/* See sharing.h. */
#include "tests/probes/sharing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/probes/cgroup.h"

#define BUFFER_KB "16384"        /* per CPU: two events of some 90 bytes for each of 80,000 requests, all on one CPU */
#define BLOCK_SECTORS 8          /* fio's requests are of 4 KiB */
#define MINOR_BITS 20            /* of the kernel's dev_t */

struct open_request { double start_s; enum sharing_owner owner; bool open; };

struct sharing_trace {
	char root[64], dir[128];     /* tracefs, and the instance in it */
	const char *begin;           /* of first_events[] */
	uint64_t sectors, n_blocks;
	struct open_request *requests; /* [n_blocks] */
	uint64_t n[SHARING_OWNERS];
	double last_s;
};

/* Begin and end of a request; the first begin that this kernel has (io_start: 6.5). */
static const char *const first_events[] = { "block_io_start", "block_rq_issue" };
#define ENDS "block_rq_complete"

static int trace_put(const struct sharing_trace *t, const char *file, const char *text)
{
	return cgroup_put(t->dir, file, text);
}

static int event_enable(const struct sharing_trace *t, const char *event, const char *filter)
{
	char file[80];
	int err;

	snprintf(file, sizeof(file), "events/block/%s/filter", event);
	err = trace_put(t, file, filter);
	snprintf(file, sizeof(file), "events/block/%s/enable", event);
	return err ? err : trace_put(t, file, "1");
}

static void trace_free(struct sharing_trace *t)
{
	if (t->dir[0])
		rmdir(t->dir);
	umount(t->root);
	rmdir(t->root);
	free(t->requests);
	free(t);
}

int sharing_begin(unsigned major, unsigned minor, uint64_t sectors, struct sharing_trace **out)
{
	struct sharing_trace *t = mem_alloc(1, sizeof(*t));
	char filter[40];
	int err = 0;

	*out = NULL;
	t->sectors = sectors;
	t->n_blocks = sectors / BLOCK_SECTORS;
	t->requests = mem_alloc(t->n_blocks, sizeof(*t->requests));
	snprintf(t->root, sizeof(t->root), "/dev/shm/cotenant-trace-XXXXXX");
	if (!mkdtemp(t->root) || mount("tracefs", t->root, "tracefs", 0, NULL)) {
		trace_free(t);
		return -ENOENT;
	}
	snprintf(t->dir, sizeof(t->dir), "%s/instances/cotenant-%d", t->root, getpid());
	snprintf(filter, sizeof(filter), "dev == %u", major << MINOR_BITS | minor);
	if (mkdir(t->dir, 0700) || trace_put(t, "buffer_size_kb", BUFFER_KB) || trace_put(t, "trace_clock", "mono"))
		err = -ENOENT;
	for (size_t i = 0; i < sizeof(first_events) / sizeof(first_events[0]) && !err && !t->begin; i++)
		t->begin = event_enable(t, first_events[i], filter) ? NULL : first_events[i];
	if (err || !t->begin || event_enable(t, ENDS, filter)) {
		trace_free(t);
		return -ENOENT;
	}
	*out = t;
	return 0;
}

/* Time passes: nothing has changed since the event before. */
static void advance(struct sharing_trace *t, double now_s, struct sharing *out)
{
	double dt_ns = (now_s - t->last_s) * 1e9;
	uint64_t n = 0;

	for (int a = 0; a < SHARING_OWNERS; a++)
		n += t->n[a];
	for (int a = 0; a < SHARING_OWNERS && n; a++) {
		out->outstanding_ns[a] += (double)t->n[a] * dt_ns;
		out->alone_ns[a] += t->n[a] == n ? (double)n * dt_ns : 0;
		for (int b = 0; b < SHARING_OWNERS; b++)
			out->blame_ns[a][b] += (double)(t->n[a] * t->n[b]) / (double)n * dt_ns;
	}
	t->last_s = now_s;
}

/* "  fio-123  [000] ..... 12.345678: block_io_start: 7,0 R 4096 () 816 + 8 none,0,0 [fio]" */
static void line_take(struct sharing_trace *t, char *line, struct sharing *out)
{
	char *event = strstr(line, ": block_"), *at = event, *sector = event ? strstr(event, ") ") : NULL;
	struct open_request *r;
	uint64_t number;
	bool begins;

	if (!sector || sscanf(sector + 2, "%" SCNu64, &number) != 1 || number / BLOCK_SECTORS >= t->n_blocks)
		return;
	begins = strstr(event, t->begin) != NULL;
	while (at > line && at[-1] != ' ')
		at--;
	r = &t->requests[number / BLOCK_SECTORS];
	advance(t, strtod(at, NULL), out);
	out->requests += begins;
	if (begins && r->open) {         /* its end was not traced */
		out->unfinished++;
		t->n[r->owner]--;
	}
	if (begins) {
		*r = (struct open_request){ .open = true, .owner = !strstr(line, " fio-") ? NOT_FIO : number < t->sectors / 2 ? LOWER_HALF : UPPER_HALF };
		t->n[r->owner]++;
	} else if (r->open) {
		r->open = false;
		t->n[r->owner]--;
	}
}

static uint64_t overrun(const struct sharing_trace *t)
{
	char path[200], line[100];
	uint64_t sum = 0, one;

	for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/per_cpu/cpu%ld/stats", t->dir, cpu);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			sum += sscanf(line, "overrun: %" SCNu64, &one) == 1 || sscanf(line, "dropped events: %" SCNu64, &one) == 1 ? one : 0;
		if (f)
			fclose(f);
	}
	return sum;
}

int sharing_end(struct sharing_trace *t, struct sharing *out)
{
	char path[160], line[400];
	int err = 0;
	FILE *f;

	memset(out, 0, sizeof(*out));
	trace_put(t, "tracing_on", "0");
	out->overrun = overrun(t);
	snprintf(path, sizeof(path), "%s/trace", t->dir);
	f = fopen(path, "re");
	if (!f)
		err = -errno;
	while (f && fgets(line, sizeof(line), f))
		line_take(t, line, out);
	for (uint64_t i = 0; i < t->n_blocks; i++)
		out->unfinished += t->requests[i].open;
	if (f)
		fclose(f);
	trace_free(t);
	return err;
}
