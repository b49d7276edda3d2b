/*
 * The table of capabilities: see doctor.h. A check that would need privileges reports `unseen` instead of guessing. `bpftool feature` is not
 * asked: under lockdown it reports tracing as unavailable although tp_btf programs load.
 */
#include "collector/doctor.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/cgroup.h"

#define CAP_PERFMON_BIT 38
#define CAP_BPF_BIT 39
#define CAP_SYS_ADMIN_BIT 21

const char *const doctor_state_names[] = { "ok", "limited", "missing", "unseen" };

struct patient {
	int root_fd;
	bool live, privileged, has_layout;
	struct cgroup_layout layout;
};

typedef enum doctor_state check_fn(const struct patient *p, char *detail, size_t size);

static enum doctor_state say(enum doctor_state state, char *detail, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static enum doctor_state say(enum doctor_state state, char *detail, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, size, fmt, args);
	va_end(args);
	return state;
}

static bool there(const struct patient *p, const char *path)
{
	return !faccessat(p->root_fd, path, F_OK, 0);
}

static bool line(const struct patient *p, const char *path, char *text, size_t size)
{
	if (file_read_at(p->root_fd, path, text, size) <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static enum doctor_state check_privileges(const struct patient *p, char *detail, size_t size)
{
	return p->privileged ? say(DOCTOR_OK, detail, size, "may load BPF programs") :
			       say(DOCTOR_MISSING, detail, size, "neither root nor CAP_BPF and CAP_PERFMON");
}

static enum doctor_state check_kernel(const struct patient *p, char *detail, size_t size)
{
	char text[128], *minor;
	long major;

	if (!line(p, "proc/sys/kernel/osrelease", text, sizeof(text)))
		return say(DOCTOR_UNSEEN, detail, size, "/proc/sys/kernel/osrelease cannot be read");
	major = strtol(text, &minor, 10);
	if (major < 5 || (major == 5 && *minor == '.' && strtol(minor + 1, NULL, 10) < 15))
		return say(DOCTOR_MISSING, detail, size, "%.100s is older than 5.15", text);
	return say(DOCTOR_OK, detail, size, "%.100s", text);
}

static enum doctor_state check_lockdown(const struct patient *p, char *detail, size_t size)
{
	char text[128];

	if (!line(p, "sys/kernel/security/lockdown", text, sizeof(text)))
		return there(p, "sys/kernel/security/lsm") ? say(DOCTOR_OK, detail, size, "not built in") :
			say(DOCTOR_UNSEEN, detail, size, "/sys/kernel/security/lockdown cannot be read (securityfs not mounted?)");
	if (strstr(text, "[confidentiality]"))
		return say(DOCTOR_MISSING, detail, size, "confidentiality: programs may not read kernel memory");
	if (strstr(text, "[integrity]"))
		return say(DOCTOR_LIMITED, detail, size, "integrity: no kprobes and fentry; tracepoints, which are what is used, work");
	return say(DOCTOR_OK, detail, size, "none");
}

static enum doctor_state check_btf(const struct patient *p, char *detail, size_t size)
{
	return there(p, "sys/kernel/btf/vmlinux") ? say(DOCTOR_OK, detail, size, "/sys/kernel/btf/vmlinux") :
						    say(DOCTOR_MISSING, detail, size, "no /sys/kernel/btf/vmlinux");
}

static int load_empty(const char *tracepoint)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id = libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP), fd;

	if (id < 0)
		return id;
	opts.attach_btf_id = (unsigned)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "doctor", "GPL", insns, sizeof(insns) / sizeof(insns[0]), &opts);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static enum doctor_state check_tp_btf(const struct patient *p, char *detail, size_t size)
{
	int err;

	if (!p->live || !p->privileged)
		return say(DOCTOR_UNSEEN, detail, size, "only root can try to load one");
	err = load_empty("sched_switch");
	return err ? say(DOCTOR_MISSING, detail, size, "a program on sched_switch does not load: %s", strerror(-err)) :
		     say(DOCTOR_OK, detail, size, "a program on sched_switch loads");
}

static enum doctor_state check_task_storage(const struct patient *p, char *detail, size_t size)
{
	if (!p->live || !p->privileged)
		return say(DOCTOR_UNSEEN, detail, size, "only root can try to make such a map");
	return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL) == 1 ? say(DOCTOR_OK, detail, size, "map type exists") :
		say(DOCTOR_MISSING, detail, size, "map type is not there");
}

static enum doctor_state check_tracepoints(const struct patient *p, const char *const *names, char *detail, size_t size)
{
	size_t n = 0, missing = 0;

	if (!p->live || !there(p, "sys/kernel/btf/vmlinux"))
		return say(DOCTOR_UNSEEN, detail, size, "needs this host's BTF");
	for (; names[n]; n++)
		if (libbpf_find_vmlinux_btf_id(names[n], BPF_TRACE_RAW_TP) < 0) {
			say(DOCTOR_MISSING, detail, size, "%s is not there", names[n]);
			missing++;
		}
	return !missing ? say(DOCTOR_OK, detail, size, "%zu of %zu are there", n, n) : missing < n ? DOCTOR_LIMITED : DOCTOR_MISSING;
}

static enum doctor_state check_block(const struct patient *p, char *detail, size_t size)
{
	static const char *const names[] = { "block_rq_insert", "block_rq_issue", "block_rq_complete", "block_bio_queue", NULL };

	return check_tracepoints(p, names, detail, size);
}

static enum doctor_state check_net(const struct patient *p, char *detail, size_t size)
{
	static const char *const names[] = { "inet_sock_set_state", "netif_receive_skb", "tcp_retransmit_skb", "qdisc_enqueue",
					     "qdisc_dequeue", "kfree_skb", NULL };

	return check_tracepoints(p, names, detail, size);
}

static enum doctor_state check_page_cache(const struct patient *p, char *detail, size_t size)
{
	static const char *const names[] = { "mm_filemap_add_to_page_cache", "mm_filemap_delete_from_page_cache",
					     "mm_vmscan_direct_reclaim_begin", "mm_vmscan_memcg_reclaim_begin", "mm_vmscan_wakeup_kswapd", NULL };

	return check_tracepoints(p, names, detail, size);
}

static enum doctor_state check_layout(const struct patient *p, char *detail, size_t size)
{
	if (!p->has_layout)
		return say(DOCTOR_MISSING, detail, size, "no cgroup hierarchy is mounted");
	return say(DOCTOR_OK, detail, size, "%s%s%s", cgroup_layout_name(&p->layout),
		   p->layout.controllers[0] ? "; v2 controllers: " : "; v2 without controllers", p->layout.controllers);
}

static enum doctor_state check_controller(const struct patient *p, int h, const char *v2, char *detail, size_t size)
{
	if (p->has_layout && cgroup_v2_has(&p->layout, v2))
		return say(DOCTOR_OK, detail, size, "v2 controller %s", v2);
	if (p->has_layout && p->layout.mount[h][0])
		return say(DOCTOR_OK, detail, size, "v1 controller at /%s", p->layout.mount[h]);
	return say(DOCTOR_MISSING, detail, size, "neither v2 %s nor v1 %s is mounted", v2, cgroup_hierarchy_names[h]);
}

static enum doctor_state check_io(const struct patient *p, char *detail, size_t size)
{
	return check_controller(p, CGROUP_BLKIO, "io", detail, size);
}

static enum doctor_state check_memory(const struct patient *p, char *detail, size_t size)
{
	return check_controller(p, CGROUP_MEMORY, "memory", detail, size);
}

static enum doctor_state check_cpu(const struct patient *p, char *detail, size_t size)
{
	return check_controller(p, CGROUP_CPU, "cpu", detail, size);
}

static enum doctor_state check_psi(const struct patient *p, char *detail, size_t size)
{
	if (!there(p, "proc/pressure/cpu"))
		return say(DOCTOR_MISSING, detail, size, "no /proc/pressure");
	return p->has_layout && p->layout.mount[CGROUP_V2][0] ? say(DOCTOR_OK, detail, size, "for the node and for each v2 cgroup") :
		say(DOCTOR_LIMITED, detail, size, "for the node only: cgroup v2 is not mounted");
}

/* Guests may offer the device and yet count nothing, so it is tried: 0 = counts, 1 = stays at zero, -errno. */
static int try_cycles(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE, .size = sizeof(attr), .config = PERF_COUNT_HW_CPU_CYCLES,
					.exclude_kernel = 1, .exclude_hv = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	uint64_t count = 0;

	if (fd < 0)
		return -errno;
	for (volatile int i = 0; i < 1000000; i++)
		;
	if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		count = 0;
	close(fd);
	return count == 0;
}

static enum doctor_state check_pmu(const struct patient *p, char *detail, size_t size)
{
	static const char *const devices[] = { "cpu", "cpu_core", "armv8_pmuv3", "armv8_pmuv3_0" };
	char path[128];
	size_t i = 0;
	int err;

	for (; i < sizeof(devices) / sizeof(*devices); i++) {
		snprintf(path, sizeof(path), "sys/bus/event_source/devices/%s", devices[i]);
		if (there(p, path))
			break;
	}
	if (i == sizeof(devices) / sizeof(*devices))
		return say(DOCTOR_MISSING, detail, size, "no hardware counters under /sys/bus/event_source/devices");
	if (!p->live)
		return say(DOCTOR_OK, detail, size, "/%s", path);
	err = try_cycles();
	if (err == -EACCES || err == -EPERM)
		return say(DOCTOR_UNSEEN, detail, size, "/%s is there, but this user may not try it", path);
	if (err)
		return say(DOCTOR_MISSING, detail, size, "/%s is there, but %s", path, err > 0 ? "counts nothing" : strerror(-err));
	return say(DOCTOR_OK, detail, size, "/%s counts cycles", path);
}

static enum doctor_state check_smt(const struct patient *p, char *detail, size_t size)
{
	char text[32];

	if (!line(p, "sys/devices/system/cpu/smt/active", text, sizeof(text)))
		return say(DOCTOR_UNSEEN, detail, size, "the kernel does not say whether siblings are in use");
	return say(DOCTOR_OK, detail, size, text[0] == '1' ? "siblings in use" : "no siblings in use: nothing to measure");
}

static enum doctor_state check_autogroup(const struct patient *p, char *detail, size_t size)
{
	char text[32];

	if (line(p, "proc/sys/kernel/sched_autogroup_enabled", text, sizeof(text)) && text[0] == '1')
		return say(DOCTOR_LIMITED, detail, size, "on: sessions outside of cpu cgroups compete as groups");
	return say(DOCTOR_OK, detail, size, "off");
}

static const struct {
	const char *id, *title;
	check_fn *check;
	bool needed;
	const char *lost, *remedy;
} table[] = {
	{ "privileges", "privileges", check_privileges, true, "all probes: no blame, no waits",
	  "run as root: sudo cotenant …" },
	{ "kernel", "kernel", check_kernel, true, "all probes", "boot a kernel of 5.15 or later" },
	{ "lockdown", "lockdown", check_lockdown, false, "whatever needs kprobes; under confidentiality, all probes",
	  "nothing to do under integrity; else boot without lockdown=confidentiality" },
	{ "btf", "kernel types (BTF)", check_btf, true, "all probes", "use a distribution kernel, or build with CONFIG_DEBUG_INFO_BTF=y" },
	{ "tp_btf", "typed tracepoint programs", check_tp_btf, true, "all probes", "run as root; kernel 5.5 or later with BTF" },
	{ "task_storage", "BPF task storage", check_task_storage, true, "CPU waits and blame", "run as root; kernel 5.11 or later" },
	{ "cgroup_layout", "cgroups", check_layout, true, "services cannot be found or separated",
	  "mount -t cgroup2 none /sys/fs/cgroup" },
	{ "cpu_controller", "cpu controller", check_cpu, false, "CPU quotas (run --cpus) and throttling figures",
	  "mount it, or write +cpu to cgroup.subtree_control" },
	{ "io_controller", "io controller", check_io, false,
	  "the owner of written-back data (the dirtying task stands in) and run --io-bps",
	  "build with CONFIG_BLK_CGROUP, mount blkio, or write +io to cgroup.subtree_control" },
	{ "memory_controller", "memory controller", check_memory, false, "memory and page cache per service, run --memory",
	  "boot with cgroup_enable=memory, or write +memory to cgroup.subtree_control" },
	{ "psi", "pressure stall information", check_psi, false, "PSI per service", "boot with psi=1, mount cgroup v2" },
	{ "block_tracepoints", "block tracepoints", check_block, false, "disk figures and disk blame",
	  "build with CONFIG_BLK_DEV_IO_TRACE or use a distribution kernel" },
	{ "memory_tracepoints", "page-cache tracepoints", check_page_cache, false, "evictions, waits for evicted pages and memory blame",
	  "use a distribution kernel" },
	{ "net_tracepoints", "network tracepoints", check_net, false, "network figures and network blame",
	  "use a distribution kernel" },
	{ "pmu", "hardware counters", check_pmu, false, "cycles, instructions, cache misses (they read n/a)",
	  "use bare metal, or give the guest a virtual PMU" },
	{ "smt", "SMT siblings", check_smt, false, "blame between sibling threads", "mount /sys" },
	{ "autogroup", "session autogrouping", check_autogroup, false, "comparability of services started in a terminal",
	  "start services with cotenant run or as units; or sysctl kernel.sched_autogroup_enabled=0" },
};

static bool is_privileged(int root_fd)
{
	char text[8192], *at;
	unsigned long long caps;

	if (file_read_at(root_fd, "proc/self/status", text, sizeof(text)) <= 0 || !(at = strstr(text, "CapEff:")))
		return false;
	caps = strtoull(at + strlen("CapEff:"), NULL, 16);
	return caps >> CAP_SYS_ADMIN_BIT & 1 || (caps >> CAP_BPF_BIT & 1 && caps >> CAP_PERFMON_BIT & 1);
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

size_t doctor_examine(int root_fd, bool live, struct doctor_finding findings[DOCTOR_MAX])
{
	struct patient p = { .root_fd = root_fd, .live = live, .privileged = is_privileged(root_fd) };
	size_t n = sizeof(table) / sizeof(*table);
	libbpf_print_fn_t before = libbpf_set_print(silent);

	_Static_assert(sizeof(table) / sizeof(*table) <= DOCTOR_MAX, "room for every row");
	p.has_layout = !cgroup_layout_read(&p.layout, root_fd, NULL);
	for (size_t i = 0; i < n; i++) {
		struct doctor_finding *f = &findings[i];

		*f = (struct doctor_finding){ .id = table[i].id, .title = table[i].title, .needed = table[i].needed };
		f->state = table[i].check(&p, f->detail, sizeof(f->detail));
		f->lost = f->state == DOCTOR_OK ? "" : table[i].lost;
		f->remedy = f->state == DOCTOR_OK ? "" : table[i].remedy;
	}
	libbpf_set_print(before);
	return n;
}
