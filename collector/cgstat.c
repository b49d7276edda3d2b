/*
 * cgroup files to metrics: see cgstat.h. Formats: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{memory,cpuacct}.rst,
 * accounting/psi.rst. Hybrid hosts may have a v2 tree without controllers: cpu.stat and pressure are there all the same, memory is not.
 */
#include "collector/cgstat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define TEXT_MAX 16384
#define US 1000

struct figure {
	enum cgroup_hierarchy hierarchy;
	bool yields;          /* to v2's figure of the same metric */
	const char *file;
	const char *key;      /* first word of its line; "" = the file is one number; NULL = number of lines */
	const char *word;     /* "total=" inside the line; NULL = second word */
	int64_t scale;
	enum metric_id metric;
};

/* Rows of one file stand together, so that it is read once. */
static const struct figure figures[] = {
	{ CGROUP_V2, false, "cpu.stat", "usage_usec", NULL, US, METRIC_CPU_USAGE },
	{ CGROUP_V2, false, "cpu.stat", "user_usec", NULL, US, METRIC_CPU_USER },
	{ CGROUP_V2, false, "cpu.stat", "system_usec", NULL, US, METRIC_CPU_SYSTEM },
	{ CGROUP_V2, false, "cpu.stat", "nr_periods", NULL, 1, METRIC_CPU_PERIODS },
	{ CGROUP_V2, false, "cpu.stat", "nr_throttled", NULL, 1, METRIC_CPU_THROTTLED_PERIODS },
	{ CGROUP_V2, false, "cpu.stat", "throttled_usec", NULL, US, METRIC_CPU_THROTTLED },
	{ CGROUP_V2, false, "memory.stat", "anon", NULL, 1, METRIC_MEM_RESIDENT },
	{ CGROUP_V2, false, "memory.stat", "file", NULL, 1, METRIC_MEM_CACHE },
	{ CGROUP_V2, false, "memory.stat", "file_dirty", NULL, 1, METRIC_MEM_DIRTY },
	{ CGROUP_V2, false, "memory.stat", "file_writeback", NULL, 1, METRIC_MEM_DIRTY },
	{ CGROUP_V2, false, "memory.stat", "pgfault", NULL, 1, METRIC_MEM_FAULTS },
	{ CGROUP_V2, false, "memory.stat", "pgmajfault", NULL, 1, METRIC_MEM_MAJOR_FAULTS },
	{ CGROUP_V2, false, "memory.stat", "workingset_refault_file", NULL, 1, METRIC_MEM_REFAULTS },
	{ CGROUP_V2, false, "cpu.pressure", "some", "total=", US, METRIC_PSI_CPU_SOME },
	{ CGROUP_V2, false, "memory.pressure", "some", "total=", US, METRIC_PSI_MEM_SOME },
	{ CGROUP_V2, false, "memory.pressure", "full", "total=", US, METRIC_PSI_MEM_FULL },
	{ CGROUP_V2, false, "io.pressure", "some", "total=", US, METRIC_PSI_IO_SOME },
	{ CGROUP_V2, false, "io.pressure", "full", "total=", US, METRIC_PSI_IO_FULL },
	{ CGROUP_V2, false, "cgroup.threads", NULL, NULL, 1, METRIC_TASKS },
	{ CGROUP_CPU, false, "cpu.stat", "nr_periods", NULL, 1, METRIC_CPU_PERIODS },
	{ CGROUP_CPU, false, "cpu.stat", "nr_throttled", NULL, 1, METRIC_CPU_THROTTLED_PERIODS },
	{ CGROUP_CPU, false, "cpu.stat", "throttled_time", NULL, 1, METRIC_CPU_THROTTLED },
	{ CGROUP_CPU, true, "tasks", NULL, NULL, 1, METRIC_TASKS },
	{ CGROUP_CPUACCT, true, "cpuacct.usage", "", NULL, 1, METRIC_CPU_USAGE },
	{ CGROUP_MEMORY, false, "memory.stat", "total_rss", NULL, 1, METRIC_MEM_RESIDENT },
	{ CGROUP_MEMORY, false, "memory.stat", "total_cache", NULL, 1, METRIC_MEM_CACHE },
	{ CGROUP_MEMORY, false, "memory.stat", "total_dirty", NULL, 1, METRIC_MEM_DIRTY },
	{ CGROUP_MEMORY, false, "memory.stat", "total_writeback", NULL, 1, METRIC_MEM_DIRTY },
	{ CGROUP_MEMORY, false, "memory.stat", "total_pgfault", NULL, 1, METRIC_MEM_FAULTS },
	{ CGROUP_MEMORY, false, "memory.stat", "total_pgmajfault", NULL, 1, METRIC_MEM_MAJOR_FAULTS },
	{ CGROUP_MEMORY, false, "memory.stat", "total_workingset_refault_file", NULL, 1, METRIC_MEM_REFAULTS },
};

void cgstat_reset(struct cgstat *s)
{
	for (size_t m = 0; m < N_METRICS; m++)
		s->last[m] = SESSION_ABSENT;
}

static int64_t number_at(const char *text)
{
	return text && *text >= '0' && *text <= '9' ? (int64_t)strtoull(text, NULL, 10) : SESSION_ABSENT;
}

static int64_t figure_value(const struct figure *f, const char *text)
{
	const char *line = text, *at;
	int64_t n = 0;

	if (!f->key) {
		for (; *line; line++)
			n += *line == '\n';
		return n;
	}
	if (!f->key[0])
		return number_at(text);
	for (n = (int64_t)strlen(f->key); line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (!strncmp(line, f->key, (size_t)n) && line[n] == ' ')
			break;
	if (!line)
		return SESSION_ABSENT;
	at = f->word ? strstr(line, f->word) : line + n + 1;
	n = number_at(at && f->word ? at + strlen(f->word) : at);
	return n == SESSION_ABSENT ? n : n * f->scale;
}

static void add_to(int64_t *sum, int64_t value)
{
	*sum = *sum == SESSION_ABSENT ? value : *sum + value;
}

int cgstat_read(struct cgstat *s, enum cgroup_hierarchy h, int dir_fd, bool have_v2, int64_t values[N_METRICS])
{
	char text[TEXT_MAX];
	const char *file = NULL;
	int64_t now[N_METRICS];
	int n = -ENOENT;

	for (size_t m = 0; m < N_METRICS; m++)
		now[m] = SESSION_ABSENT;
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		const struct figure *f = &figures[i];
		int64_t v;

		if (f->hierarchy != h || (f->yields && have_v2))
			continue;
		if (!file || strcmp(file, f->file)) {
			file = f->file;
			n = file_read_at(dir_fd, file, text, sizeof(text));
		}
		if (n == -ENODEV)
			return n;
		if (n >= 0 && (v = figure_value(f, text)) != SESSION_ABSENT)
			add_to(&now[f->metric], v);
	}
	for (size_t m = 0; m < N_METRICS; m++) {
		if (now[m] == SESSION_ABSENT)
			continue;
		if (metrics[m].kind == METRIC_GAUGE)
			add_to(&values[m], now[m]);
		else if (s->last[m] != SESSION_ABSENT)
			add_to(&values[m], now[m] >= s->last[m] ? now[m] - s->last[m] : 0);
		s->last[m] = now[m];
	}
	return 0;
}
