/*
 * Services that are sets of processes (pid with descendants, comm, user), from /proc: part of service.h.
 * Children inherit the slot in the kernel; the scan catches what was there before and what changed its name or owner. The figures of such a
 * service come from /proc/<pid>/stat: what a process did between its last scan and its end is not in them.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/service.h"

#define PF_KTHREAD 0x00200000u
#define STAT_FIELDS 24            /* proc(5): up to rss */

struct proc_stat {
	int32_t pid, parent;
	char comm[32];
	uint64_t field[STAT_FIELDS + 1]; /* by proc(5)'s numbers; 4 ppid, 9 flags, 10 minflt, 12 majflt, 14 utime, 22 start, 24 rss */
};

static bool stat_read(int proc_fd, const char *pid, struct proc_stat *p)
{
	char path[64], text[1024], *open, *close, *at;

	snprintf(path, sizeof(path), "%.20s/stat", pid);
	if (file_read_at(proc_fd, path, text, sizeof(text)) <= 0 || !(open = strchr(text, '(')) || !(close = strrchr(text, ')')))
		return false;
	p->pid = (int32_t)strtol(pid, NULL, 10);
	*close = '\0';
	snprintf(p->comm, sizeof(p->comm), "%.31s", open + 1);
	at = close + 3; /* behind the state letter comes field 4 */
	for (int f = 4; f <= STAT_FIELDS; f++)
		p->field[f] = strtoull(at, &at, 10);
	p->parent = (int32_t)p->field[4];
	return true;
}

static struct process *process_at(struct services *s, int32_t pid)
{
	size_t at = (uint32_t)pid * 2654435761u & (PROCESSES_MAX - 1);

	for (size_t tries = 0; tries < PROCESSES_MAX / 2; tries++, at = (at + 1) & (PROCESSES_MAX - 1))
		if (s->processes[at].pid == pid || !s->processes[at].pid)
			return &s->processes[at];
	return NULL;
}

static bool user_name(int proc_fd, const char *pid, char name[SERVICE_NAME_MAX])
{
	static uint32_t cached_uid = UINT32_MAX;
	static char cached[SERVICE_NAME_MAX];
	struct stat st;
	struct passwd *pw;

	if (fstatat(proc_fd, pid, &st, 0))
		return false;
	if (st.st_uid != cached_uid) {
		pw = getpwuid(st.st_uid);
		cached_uid = st.st_uid;
		if (pw)
			snprintf(cached, sizeof(cached), "%.127s", pw->pw_name);
		else
			snprintf(cached, sizeof(cached), "uid-%u", st.st_uid);
	}
	strcpy(name, cached);
	return true;
}

static int service_of_process(struct services *s, int proc_fd, const char *pid, const struct proc_stat *p)
{
	char user[SERVICE_NAME_MAX] = "";
	struct process *parent;

	if (!s->chosen && s->by == BY_COMM)
		return services_find(s, p->comm, "comm:", p->comm);
	if (!s->chosen)
		return user_name(proc_fd, pid, user) ? services_find(s, user, "user:", user) : -1;
	for (size_t i = 0; i < s->n; i++) {
		const struct service *v = &s->v[i];

		if ((v->kind == SELECT_COMM && !strcmp(v->wanted, p->comm)) ||
		    (v->kind == SELECT_PID && strtol(v->wanted, NULL, 10) == p->pid) ||
		    (v->kind == SELECT_USER && user_name(proc_fd, pid, user) && !strcmp(v->wanted, user)))
			return (int)i;
	}
	parent = process_at(s, p->parent);
	return parent && parent->pid && parent->seen >= s->scan - 1 && s->v[parent->service].kind != SELECT_USER ?
	       (int)parent->service : -1;
}

static void add(struct service *v, enum metric_id m, uint64_t what)
{
	v->values[m] = (v->values[m] == SESSION_ABSENT ? 0 : v->values[m]) + (int64_t)what;
}

static void take_figures(struct services *s, struct process *known, const struct proc_stat *p, bool fresh)
{
	struct service *v = &s->v[known->service];
	uint64_t cpu = p->field[14] + p->field[15], tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);

	add(v, METRIC_MEM_RESIDENT, p->field[24] * (uint64_t)sysconf(_SC_PAGESIZE));
	add(v, METRIC_TASKS, 1);
	if (!fresh) {
		add(v, METRIC_CPU_USAGE, (cpu - known->cpu_ticks) * tick_ns);
		add(v, METRIC_MEM_FAULTS, p->field[10] + p->field[12] - known->minor_faults - known->major_faults);
		add(v, METRIC_MEM_MAJOR_FAULTS, p->field[12] - known->major_faults);
	}
	known->cpu_ticks = cpu;
	known->minor_faults = p->field[10];
	known->major_faults = p->field[12];
}

static void take_process(struct services *s, int proc_fd, const char *pid)
{
	struct proc_stat p;
	struct process *known;
	bool fresh;
	int service;

	if (!stat_read(proc_fd, pid, &p) || p.field[9] & PF_KTHREAD || !(known = process_at(s, p.pid)))
		return;
	service = service_of_process(s, proc_fd, pid, &p);
	if (service < 0)
		return;
	fresh = !known->pid || known->start_ticks != p.field[22] || known->service != (unsigned)service;
	if (fresh && s->slot_set)
		s->slot_set(s->slot_context, SLOT_TREE, (uint64_t)p.pid, SLOT_FIRST + (unsigned)service);
	known->pid = p.pid;
	known->start_ticks = p.field[22];
	known->service = (unsigned)service;
	known->seen = s->scan;
	s->v[service].alive = true;
	take_figures(s, known, &p, fresh);
}

/* The rows that are left are put in anew, so that open addressing needs no tombstones. */
static void forget_gone(struct services *s)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process row = s->processes[i], *at;

		if (!row.pid)
			continue;
		if (row.seen != s->scan && s->slot_set)
			s->slot_set(s->slot_context, SLOT_TREE, (uint64_t)row.pid, SLOT_OTHER);
		s->processes[i].pid = 0;
		if (row.seen == s->scan && (at = process_at(s, row.pid)))
			*at = row;
	}
}

void processes_scan(struct services *s)
{
	int proc_fd = openat(s->layout.root_fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(8) char buf[8192];
	long n;

	if (proc_fd < 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (services_by_process(s, &s->v[i]))
			for (size_t m = 0; m < N_METRICS; m++)
				s->v[i].values[m] = SESSION_ABSENT;
	while ((n = syscall(SYS_getdents64, proc_fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const char *name = buf + at + 19; /* struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name */
			uint16_t length;

			memcpy(&length, buf + at + 16, sizeof(length));
			at += length;
			if (name[0] >= '1' && name[0] <= '9')
				take_process(s, proc_fd, name);
		}
	close(proc_fd);
	forget_gone(s);
}
