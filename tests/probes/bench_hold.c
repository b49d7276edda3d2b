/*
 * Holds a probe attached until standard input closes: bench_hold PROBE | OBJECT.bpf.o. Then prints the time and runs of its
 * programs as the kernel counted them, if statistics were on ("-s"): NAME RUN_NS RUNS.
 * Helper of bench-probes.sh; a separate process, so that every contender is one.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/part.h"
#include "probes/probe.h"
#include "probes/table.h"

static void wait_for_end(void)
{
	char c;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static void print_cost(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) && info.run_cnt)
			printf("%s %llu %llu\n", bpf_program__name(prog), (unsigned long long)info.run_time_ns, (unsigned long long)info.run_cnt);
	}
}

#define ROW(noun) &probe_##noun,
static const struct probe *const table[] = { PROBE_TABLE(ROW) };

/* As probes_open() starts one, everything attached all the time. */
static int hold_probe(const struct probe *probe)
{
	struct probe_shared shared = PROBE_SHARED_NONE;
	struct windows *windows = windows_new();
	struct part parts[PROBE_PARTS];
	struct err e = { 0 };
	void *state = NULL;
	int status = 3;

	for (int k = 0; k < PROBE_PARTS; k++)
		parts[k] = PART_NONE;
	shared.n_cpus = libbpf_num_possible_cpus();
	if (probe->open(&shared, &state, &e) < 0 || probe->attach(state, &e) < 0) {
		fprintf(stderr, "bench_hold: %s\n", e.text);
		goto out;
	}
	for (int k = PROBE_PARTS; k-- > 0;) {
		struct window_group group = { .n = 0 };
		int err;

		if (probe->parts[k])
			probe->parts[k](state, &group);
		if ((err = part_open(&parts[k], windows, &group)) < 0) {
			fprintf(stderr, "bench_hold: %s: its programs cannot be attached: %s\n", probe->name, strerror(-err));
			goto out;
		}
	}
	wait_for_end();
	print_cost(probe->object(state));
	status = 0;
out:
	for (int k = 0; k < PROBE_PARTS; k++)
		part_close(&parts[k], windows);
	probe->close(state);
	windows_free(windows);
	return status;
}

static int hold_object(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;

	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "bench_hold: cannot load %s\n", path);
		return 3;
	}
	bpf_object__for_each_program(prog, obj)
		if (!bpf_program__attach(prog))
			return 3;
	wait_for_end();
	print_cost(obj);
	bpf_object__close(obj);
	return 0;
}

int main(int argc, char **argv)
{
	int stats = -1, status;

	if (argc > 2 && !strcmp(argv[1], "-s")) {
		stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
		argv++;
		argc--;
	}
	if (argc != 2) {
		fputs("usage: bench_hold [-s] PROBE|OBJECT.bpf.o\n", stderr);
		return 2;
	}
	status = -1;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(argv[1], table[i]->name))
			status = hold_probe(table[i]);
	if (status < 0)
		status = hold_object(argv[1]);
	if (stats >= 0)
		close(stats);
	return status;
}
