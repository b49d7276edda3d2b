/* See load.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/probes/load.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t load_start(const struct cgroup_pair *c, const char *command)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	if (c)
		cgroup_pair_enter(c);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDIN_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int load_wait(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void load_add(struct probes *p, struct probe_sample *one, struct probe_sample *sum)
{
	struct err e = { 0 };

	if (probes_read(p, one, &e) < 0)
		return;
	for (int m = 0; m < PROBE_N_COUNTERS; m++)
		for (int slot = 0; slot < SLOTS; slot++)
			if (one->counters[m][slot] != PROBE_ABSENT)
				sum->counters[m][slot] = one->counters[m][slot] + (sum->counters[m][slot] == PROBE_ABSENT ? 0 : sum->counters[m][slot]);
	for (int h = 0; h < PROBE_N_HISTS; h++)
		for (int i = 0; i < SLOTS * (int)HIST_BUCKETS; i++)
			sum->hists[h][i / (int)HIST_BUCKETS][i % (int)HIST_BUCKETS] += one->hists[h][i / (int)HIST_BUCKETS][i % (int)HIST_BUCKETS];
	for (int b = 0; b < PROBE_N_BLAMES; b++)
		for (int i = 0; i < SLOTS * SLOTS; i++)
			sum->blame[b][i / SLOTS][i % SLOTS] += one->blame[b][i / SLOTS][i % SLOTS];
}

struct probe_sample *load_begin(struct probes *p, struct probe_sample *one, struct probe_sample *sum)
{
	load_add(p, one, sum);
	probe_sample_free(sum);
	return probe_sample_new();
}

void load_conserved(const struct probe_sample *sum, enum probe_blame b, enum probe_counter m)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint64_t row = 0;

		for (unsigned k = 0; k < SLOTS; k++)
			row += sum->blame[b][slot][k];
		if (sum->counters[m][slot] != PROBE_ABSENT)
			assert_int_equal(row, sum->counters[m][slot]);
	}
}

void load_first(const char *scene, const uint64_t row[SLOTS], unsigned victim, unsigned culprit)
{
	uint64_t all = 0, most = 0;

	for (unsigned k = 0; k < SLOTS; k++) {
		if (k == victim && victim != culprit)
			continue;
		all += row[k];
		most = row[k] > most ? row[k] : most;
	}
	printf("figure: %s: the expected culprit stands %s, with %.1f %% of the delay\n", scene, row[culprit] == most ? "first" : "behind another",
	       all ? 100 * (double)row[culprit] / (double)all : 0);
	assert_true(row[culprit] > 0 && row[culprit] == most);
}

uint64_t load_losses(const struct probes *p, const char *name)
{
	struct probe_status st;
	uint64_t lost = 0;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &st);
		lost += !name || !strcmp(name, st.name) ? st.losses : 0;
	}
	return lost;
}

double load_json(const char *path, const char *keys)
{
	json_t *root = json_load_file(path, 0, NULL), *at = root;
	char copy[200], *save = NULL;
	double value;

	snprintf(copy, sizeof(copy), "%s", keys);
	for (char *key = strtok_r(copy, ".", &save); key && at; key = strtok_r(NULL, ".", &save))
		at = json_is_array(at) ? json_array_get(at, (size_t)(key[0] - '0')) : json_object_get(at, key);
	value = json_is_number(at) ? json_number_value(at) : -1;
	json_decref(root);
	return value;
}
