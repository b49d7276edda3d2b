/* Runs a scene: cgroups, tasks, both accounts. See scene.h. */
#include "tests/probes/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/probes/cgroup.h"

#define FILES_MOST 512

struct shared {
	int gate[2];                 /* a byte for each task lets it go */
	volatile int stop;
	int n_tasks;
	pid_t pids[SCENE_TASKS];
	uint64_t dead_run_ns[SCENE_GROUPS], dead_wait_ns[SCENE_GROUPS]; /* of ended children, read while they are zombies */
	volatile uint32_t asleep;
};

struct world {
	const struct scene *scene;
	struct shared *shared;
	struct cgroup_pair groups[SCENE_GROUPS];
	unsigned n_groups;
	unsigned group_of[SCENE_TASKS];
	int pipes[SCENE_TASKS][2];
};

static void burn(unsigned us)
{
	for (uint64_t end = clock_ns(CLOCK_MONOTONIC) + us * 1000ull; clock_ns(CLOCK_MONOTONIC) < end;)
		for (volatile int i = 0; i < 50; i++)
			;
}

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	if (cpu == ANY_CPU)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

static void schedstat(pid_t pid, uint64_t *run_ns, uint64_t *wait_ns)
{
	char path[64];
	unsigned long long run, wait;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%llu %llu", &run, &wait) == 2) {
		__atomic_fetch_add(run_ns, run, __ATOMIC_RELAXED);
		__atomic_fetch_add(wait_ns, wait, __ATOMIC_RELAXED);
	}
	if (f)
		fclose(f);
}

static void fork_once(struct shared *s, unsigned group, unsigned us)
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid) {
		burn(us);
		sched_yield();
		_exit(0);
	}
	if (pid < 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
		return;
	schedstat(pid, &s->dead_run_ns[group], &s->dead_wait_ns[group]);
	waitpid(pid, NULL, 0);
}

static void act(const struct world *w, const struct scene_task *t, unsigned me, unsigned *seed)
{
	struct shared *s = w->shared;
	char byte = 0;

	switch (t->act) {
	case ACT_BURN:
		burn(100);
		break;
	case ACT_WORK:
		burn(t->a_us / 2 + rand_r(seed) % (t->a_us + 1));
		usleep(t->b_us / 2 + rand_r(seed) % (t->b_us + 1));
		break;
	case ACT_YIELD:
		burn(t->a_us);
		sched_yield();
		break;
	case ACT_FORK:
		fork_once(s, t->group, t->a_us);
		if (t->b_us)
			usleep(t->b_us);
		break;
	case ACT_PING:
		if (write(w->pipes[me][1], &byte, 1) < 0 || read(w->pipes[me + 1][0], &byte, 1) < 0)
			_exit(1);
		break;
	case ACT_PONG:
		if (read(w->pipes[me - 1][0], &byte, 1) < 0 || write(w->pipes[me][1], &byte, 1) < 0)
			_exit(1);
		break;
	case ACT_SHUFFLE:
		pin(s->pids[(unsigned)rand_r(seed) % (unsigned)s->n_tasks], rand_r(seed) % 64);
		usleep(t->a_us);
		break;
	}
}

/* A file of the parent's that stays open here may be a BPF program's link, which the parent then cannot detach. */
static void files_close(const struct world *w)
{
	for (int fd = STDERR_FILENO + 1; fd < FILES_MOST; fd++) {
		bool ours = fd == w->shared->gate[0] || fd == w->shared->gate[1];

		for (int i = 0; i < SCENE_TASKS; i++)
			ours |= fd == w->pipes[i][0] || fd == w->pipes[i][1];
		if (!ours)
			close(fd);
	}
}

static void child(const struct world *w, const struct scene_task *t, unsigned me)
{
	unsigned seed = me * 7919 + 1;
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	files_close(w);
	cgroup_pair_enter(&w->groups[t->group]);
	pin(0, t->cpu);
	signal(SIGUSR1, SIG_IGN);
	__atomic_fetch_add(&w->shared->asleep, 1, __ATOMIC_SEQ_CST);
	while (read(w->shared->gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	while (!w->shared->stop)
		act(w, t, me, &seed);
	if (t->act == ACT_PING || t->act == ACT_PONG) { /* free the partner */
		if (write(w->pipes[me][1], &byte, 1) < 0)
			_exit(1);
	}
	__atomic_fetch_add(&w->shared->asleep, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

/* All tasks have said that they are about to sleep; then sleep ourselves until the kernel says so too. */
static int settle(struct world *w, uint32_t n)
{
	char path[64], text[512], *state;

	for (int i = 0; i < 20000 && w->shared->asleep < n; i++)
		usleep(1000);
	for (int t = 0; t < w->shared->n_tasks; t++)
		for (int i = 0; i < 5000; i++) {
			FILE *f;
			size_t got;

			snprintf(path, sizeof(path), "/proc/%d/stat", w->shared->pids[t]);
			f = fopen(path, "r");
			got = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
			text[got] = 0;
			if (f)
				fclose(f);
			state = strrchr(text, ')');
			if (state && state[2] == 'S')
				break;
			usleep(1000);
		}
	return w->shared->asleep >= n ? 0 : -ETIMEDOUT;
}

static void add_sample(const struct probe_sample *s, struct scene_result *out)
{
	for (unsigned v = 0; v < SLOTS; v++) {
		uint64_t row = 0, wait;

		if (s->counters[PROBE_COUNTER_CPU_WAIT][v] == PROBE_ABSENT)
			continue;
		wait = (uint64_t)s->counters[PROBE_COUNTER_CPU_WAIT][v];
		for (unsigned c = 0; c < SLOTS; c++) {
			row += s->blame[PROBE_BLAME_CPU][v][c];
			out->blame[v][c] += s->blame[PROBE_BLAME_CPU][v][c];
		}
		for (unsigned b = 0; b < HIST_BUCKETS; b++)
			out->hist_count[v] += s->hists[PROBE_HIST_CPU_WAIT][v][b];
		out->wait_ns[v] += wait;
		out->run_ns[v] += (uint64_t)s->counters[PROBE_COUNTER_CPU_RUN][v];
		out->irq_ns[v] += (uint64_t)s->counters[PROBE_COUNTER_CPU_IRQ][v];
		out->runs[v] += (uint64_t)s->counters[PROBE_COUNTER_CPU_SWITCHES][v];
		out->waits[v] += (uint64_t)s->counters[PROBE_COUNTER_CPU_WAITS][v];
		wait = wait > row ? wait - row : row - wait;
		if (wait > out->worst_residual_ns)
			out->worst_residual_ns = wait;
	}
}

/* The one CPU on which all happens, or ANY_CPU. */
static int scene_cpu(const struct scene *sc)
{
	for (unsigned i = 1; i < sc->n_tasks; i++)
		if (sc->tasks[i].cpu != sc->tasks[0].cpu)
			return ANY_CPU;
	return sc->tasks[0].cpu == ANY_CPU ? ANY_CPU : sc->tasks[0].cpu % (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Time since boot that a CPU, or all together, were busy, or the host busy with others. By ticks: exact to one where the CPU is busy all the time. */
static uint64_t machine_busy_ns(int cpu)
{
	unsigned long long user = 0, nice, system, idle, iowait, irq, softirq, steal, busy = 0;
	char name[16], line[512];
	FILE *f = fopen("/proc/stat", "r");

	snprintf(name, sizeof(name), cpu == ANY_CPU ? "cpu " : "cpu%d ", cpu);
	while (f && !busy && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), "%llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal) == 8)
			busy = user + nice + system + irq + softirq + steal;
	if (f)
		fclose(f);
	return busy * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static void kernel_account(struct world *w, struct scene_result *out, int sign)
{
	for (int t = 0; t < w->shared->n_tasks; t++) {
		uint64_t run = 0, wait = 0;
		unsigned slot = SCENE_SLOT(w->group_of[t]);

		schedstat(w->shared->pids[t], &run, &wait);
		out->kernel_run_ns[slot] += sign > 0 ? run : -run;
		out->kernel_wait_ns[slot] += sign > 0 ? wait : -wait;
	}
	for (unsigned g = 0; g < w->n_groups; g++) {
		uint64_t usage = cgroup_pair_usage_ns(&w->groups[g]);

		out->group_run_ns[SCENE_SLOT(g)] += sign > 0 ? usage : -usage;
		out->kernel_run_ns[SCENE_SLOT(g)] += sign > 0 ? w->shared->dead_run_ns[g] : 0;
		out->kernel_wait_ns[SCENE_SLOT(g)] += sign > 0 ? w->shared->dead_wait_ns[g] : 0;
	}
	out->outside_ns += (sign > 0 ? 1 : -1ull) * machine_busy_ns(scene_cpu(w->scene));
	out->throttled_ns += (sign > 0 ? 1 : -1ull) * cgroup_pair_throttled_ns(&w->groups[w->scene->victim]);
}

static int groups_open(struct world *w, struct probes *p)
{
	int err;

	for (unsigned i = 0; i < w->scene->n_tasks; i++)
		if (w->scene->tasks[i].group >= w->n_groups)
			w->n_groups = w->scene->tasks[i].group + 1;
	for (unsigned g = 0; g < w->n_groups; g++) {
		if ((err = cgroup_pair_open(&w->groups[g], g, w->scene->quota_pct[g])) < 0)
			return err;
		if (w->scene->tree)
			continue;
		if (w->groups[g].v2_id)
			probes_slot_set(p, SLOT_CGROUP2, w->groups[g].v2_id, SCENE_SLOT(g));
		else
			probes_slot_set(p, SLOT_CPU1, w->groups[g].v1_id, SCENE_SLOT(g));
	}
	return 0;
}

static int tasks_start(struct world *w, struct probes *p)
{
	struct shared *s = w->shared;

	for (unsigned i = 0; i < w->scene->n_tasks; i++)
		for (unsigned k = 0; k < (w->scene->tasks[i].times ? w->scene->tasks[i].times : 1); k++) {
			unsigned me = (unsigned)s->n_tasks;

			if (me >= SCENE_TASKS || pipe(w->pipes[me]))
				return -ENOSPC;
			w->group_of[me] = w->scene->tasks[i].group;
			s->n_tasks++;
		}
	s->n_tasks = 0;
	for (unsigned i = 0; i < w->scene->n_tasks; i++)
		for (unsigned k = 0; k < (w->scene->tasks[i].times ? w->scene->tasks[i].times : 1); k++) {
			unsigned me = (unsigned)s->n_tasks;
			pid_t pid = fork();

			if (pid < 0)
				return -errno;
			if (!pid)
				child(w, &w->scene->tasks[i], me);
			s->pids[me] = pid;
			s->n_tasks++;
			if (w->scene->tree)
				probes_slot_set(p, SLOT_TREE, (uint64_t)pid, SCENE_SLOT(w->group_of[me]));
		}
	return 0;
}

static void world_close(struct world *w, struct probes *p)
{
	for (int t = 0; t < w->shared->n_tasks; t++) {
		if (w->scene->tree)
			probes_slot_set(p, SLOT_TREE, (uint64_t)w->shared->pids[t], SLOT_OTHER);
		kill(w->shared->pids[t], SIGKILL);
		waitpid(w->shared->pids[t], NULL, 0);
	}
	for (unsigned g = 0; g < w->n_groups; g++) {
		probes_slot_set(p, SLOT_CGROUP2, w->groups[g].v2_id, SLOT_OTHER);
		probes_slot_set(p, SLOT_CPU1, w->groups[g].v1_id, SLOT_OTHER);
		cgroup_pair_close(&w->groups[g]);
	}
	for (unsigned t = 0; t < SCENE_TASKS; t++)
		for (int end = 0; end < 2; end++)
			if (w->pipes[t][end] > 0)
				close(w->pipes[t][end]);
	close(w->shared->gate[0]);
	close(w->shared->gate[1]);
	munmap(w->shared, sizeof(*w->shared));
}

/* Whoever ends a scene must get a CPU among its tasks, which weigh as much as a cgroup can: on a busy machine it else took seconds. A
 * machine that refuses is only slower. The tasks do not inherit it. */
static void conductor(bool on)
{
	const struct sched_param first = { .sched_priority = 1 }, none = { 0 };

	sched_setscheduler(0, on ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER, on ? &first : &none);
}

int scene_run(const struct scene *scene, struct probes *p, struct scene_pace pace, struct scene_result *out)
{
	struct world w = { .scene = scene };
	struct probe_sample *s = probe_sample_new();
	struct probe_status status;
	struct err e = { 0 };
	uint64_t losses, rebuilt;
	int err;

	memset(out, 0, sizeof(*out));
	w.shared = mmap(NULL, sizeof(*w.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.shared == MAP_FAILED)
		return -ENOMEM;
	if (pipe(w.shared->gate))
		return -errno;
	conductor(true);
	if ((err = groups_open(&w, p)) < 0 || (err = tasks_start(&w, p)) < 0 || (err = settle(&w, (uint32_t)w.shared->n_tasks)) < 0)
		goto out;
	kernel_account(&w, out, -1);
	probes_read(p, s, &e);
	probes_status(p, 0, &status);
	losses = status.losses - status.rebuilt;
	rebuilt = status.rebuilt;
	for (int i = 0; i < w.shared->n_tasks; i++)
		if (write(w.shared->gate[1], "", 1) < 0)
			err = -errno;
	for (unsigned i = 0; i < pace.readings; i++) { /* intervals of unequal length: open waits at every boundary */
		usleep(pace.run_ms * 1000 * (i + 1) * 2 / (pace.readings * (pace.readings + 1)));
		probes_read(p, s, &e);
		add_sample(s, out);
	}
	w.shared->stop = 1;
	err = settle(&w, 2 * (uint32_t)w.shared->n_tasks);
	probes_read(p, s, &e);
	add_sample(s, out);
	kernel_account(&w, out, 1);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint64_t own = out->group_run_ns[slot] ? out->group_run_ns[slot] : out->kernel_run_ns[slot];

		out->outside_ns -= own < out->outside_ns ? own : out->outside_ns;
	}
	probes_status(p, 0, &status);
	out->losses = status.losses - status.rebuilt - losses;
	out->rebuilt = status.rebuilt - rebuilt;
out:
	if (err)
		fprintf(stderr, "scene %s: %s\n", scene->name, strerror(-err));
	world_close(&w, p);
	conductor(false);
	probe_sample_free(s);
	return err;
}
