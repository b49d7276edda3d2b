/*
 * Disk probe, user side: totals per slot from mapped memory, sharing per device by one locked copy.
 *
 * Conservation: outstanding time of a victim = sum of its blame row. W (probes/disk.h) is cut to 2^-16 ns at every event, so a row
 * sums to the outstanding time but for a few ns; that remainder goes to the victim's own share, and is a loss when larger
 * than one part in a thousand. Sharing under way is counted up to the last event on the device.
 *
 * Stacked devices: requests of a loop device on a file of a disk, and of request-based device mapper, come back as requests
 * of the device below. They are counted there only, once; a loop device over a file in memory is a device of its own.
 */
#include "probes/table.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"
#include "probes/disk.h"
#include "probes/disk.skel.h"

#define BLAME_TOLERANCE 1000 /* remainder allowed: one part in so many */

/* Ends before beginnings. */
#define IRQ_PROGRAMS(p) (p)->skel->progs.disk_irq_exit, (p)->skel->progs.disk_softirq_exit, (p)->skel->progs.disk_irq_entry, \
	(p)->skel->progs.disk_softirq_entry

struct disk_probe {
	struct disk_bpf *skel;
	struct disk_slot *slots;     /* mapped */
	size_t map_bytes;
	struct disk_slot last[SLOTS];
	struct disk_device device;   /* copy */
	uint64_t outstanding[SLOTS], outstanding_last[SLOTS];
	uint64_t blame[SLOTS][SLOTS], blame_last[SLOTS][SLOTS]; /* ns, over all devices */
	uint64_t remainders;
	bool no_writers;             /* writers of files given up */
	bool sees_syncs;             /* some file system here tells of fsync */
};

/* Does requests' work appear again at another block device? */
static bool device_is_stacked(int block_fd, const char *name)
{
	char path[300], backing[4096];
	struct stat st;
	DIR *slaves;
	struct dirent *d;
	bool found = false;
	int fd, length;

	snprintf(path, sizeof(path), "%s/loop/backing_file", name);
	length = file_read_at(block_fd, path, backing, sizeof(backing));
	if (length > 0) {
		backing[strcspn(backing, "\n")] = '\0';
		return stat(backing, &st) == 0 && (S_ISBLK(st.st_mode) || major(st.st_dev) != 0);
	}
	snprintf(path, sizeof(path), "%s/slaves", name);
	fd = openat(block_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	slaves = fd < 0 ? NULL : fdopendir(fd);
	if (!slaves) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((d = readdir(slaves)))
		found |= d->d_name[0] != '.';
	closedir(slaves);
	return found;
}

static void device_place_set(struct disk_probe *p, int block_fd, const char *name)
{
	char path[300], text[64], *colon;
	uint64_t major_no, minor_no;
	struct disk_place place = { 0 };
	int map = bpf_map__fd(p->skel->maps.disk_index);
	uint32_t dev;
	bool known;

	snprintf(path, sizeof(path), "%s/dev", name);
	if (file_read_at(block_fd, path, text, sizeof(text)) <= 0 || !(colon = strchr(text, ':')))
		return;
	*colon++ = '\0';
	colon[strcspn(colon, "\n")] = '\0';
	if (parse_u64(text, &major_no) || parse_u64(colon, &minor_no))
		return;
	dev = (uint32_t)(major_no << 20 | minor_no);
	known = bpf_map_lookup_elem(map, &dev, &place) == 0;
	snprintf(path, sizeof(path), "%s/size", name);
	if (!known && (file_read_at(block_fd, path, text, sizeof(text)) <= 0 || text[0] == '0'))
		return;          /* unused loop, nbd, … : placed when they get work */
	place.stacked = device_is_stacked(block_fd, name);
	if (!known && !place.stacked) {
		if (p->skel->bss->disk_n_devices >= DISK_DEVICES)
			return;
		place.index = __atomic_fetch_add(&p->skel->bss->disk_n_devices, 1, __ATOMIC_SEQ_CST);
	}
	bpf_map_update_elem(map, &dev, &place, known ? BPF_EXIST : BPF_NOEXIST);
}

/* Disks come and go, loop devices get other files: looked at before attaching and at every read. */
static void devices_scan(struct disk_probe *p)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			device_place_set(p, dirfd(dir), d->d_name);
	closedir(dir);
}

/* Does a module that is loaded have the tracepoint? */
static bool module_traces(const char *module, const char *event)
{
	struct btf *base = btf__load_vmlinux_btf(), *btf;
	char path[64], type[64];
	bool found;

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	snprintf(type, sizeof(type), "btf_trace_%s", event);
	btf = base && !access(path, R_OK) ? btf__parse_split(path, base) : NULL;
	found = btf && btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
	btf__free(btf);
	btf__free(base);
	return found;
}

/* File systems that tell when a thread waits in fsync, built in or as modules. */
static void syncs_choose(struct disk_probe *p)
{
	const struct { const char *module, *event; struct bpf_program *begin, *end; } systems[] = {
		{ "ext4", "ext4_sync_file_exit", p->skel->progs.disk_ext4_sync, p->skel->progs.disk_ext4_synced },
		{ "f2fs", "f2fs_sync_file_exit", p->skel->progs.disk_f2fs_sync, p->skel->progs.disk_f2fs_synced },
	};

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		bool there = libbpf_find_vmlinux_btf_id(systems[i].event, BPF_TRACE_RAW_TP) > 0 ||
			     module_traces(systems[i].module, systems[i].event);

		p->sees_syncs |= there;
		bpf_program__set_autoload(systems[i].begin, there);
		bpf_program__set_autoload(systems[i].end, there);
	}
}

static int disk_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct disk_probe *p = mem_alloc(1, sizeof(*p));
	bool io_start;
	int err;

	*state = p;
	p->skel = disk_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	p->skel->rodata->blkio_kind = probe_hierarchy("blkio", SLOT_BLKIO1);
	io_start = libbpf_find_vmlinux_btf_id("block_io_start", BPF_TRACE_RAW_TP) > 0;
	bpf_program__set_autoload(p->skel->progs.disk_start, io_start);
	bpf_program__set_autoload(p->skel->progs.disk_done, io_start);
	bpf_program__set_autoload(p->skel->progs.disk_insert, !io_start);
	bpf_program__set_autoload(p->skel->progs.disk_dirty_folio,
				  libbpf_find_vmlinux_btf_id("writeback_dirty_folio", BPF_TRACE_RAW_TP) > 0);
	bpf_program__set_autoload(p->skel->progs.disk_dirty_page,
				  libbpf_find_vmlinux_btf_id("writeback_dirty_page", BPF_TRACE_RAW_TP) > 0);
	syncs_choose(p);
	if ((err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = disk_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	p->map_bytes = sizeof(struct disk_slot) * SLOTS;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.disk_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

static int disk_attach(void *state, struct err *e)
{
	struct disk_probe *p = state;
	int err;

	devices_scan(p);
	probe_leave((struct bpf_program *[]){ IRQ_PROGRAMS(p), NULL });
	err = disk_bpf__attach(p->skel);
	return err < 0 ? err_set(e, err, "cannot attach to the block layer's tracepoints: %s", strerror(-err)) : 0;
}

static void window_edge(void *state, enum window_edge edge)
{
	if (edge == WINDOW_ATTACH)
		((struct disk_probe *)state)->skel->bss->disk_since_ns = clock_ns(CLOCK_MONOTONIC);
}

static void disk_hot(void *state, struct window_group *out)
{
	*out = (struct window_group){ .edge = window_edge, .context = state };
	probe_windows(out, (struct bpf_program *[]){ IRQ_PROGRAMS((struct disk_probe *)state), NULL });
}

/* Add one device's sharing to the sums over all devices. */
static void device_add(struct disk_probe *p)
{
	const struct disk_device *d = &p->device;

	for (unsigned a = 0; a < SLOTS; a++) {
		p->outstanding[a] += d->outstanding_ns[a] + d->slot_n[a] * (d->last_ns - d->slot_last_ns[a]);
		for (unsigned b = a; b < SLOTS; b++) {
			uint64_t pair = d->blame_w[a][b] + d->slot_n[a] * d->slot_n[b] * (d->w - d->w_seen[a][b]);

			p->blame[a][b] += pair >> DISK_W_SHIFT;
			if (a != b)
				p->blame[b][a] += pair >> DISK_W_SHIFT;
		}
	}
}

static int sharing_read(struct disk_probe *p, struct err *e)
{
	memset(p->outstanding, 0, sizeof(p->outstanding));
	memset(p->blame, 0, sizeof(p->blame));
	for (uint32_t i = 0; i < DISK_DEVICES && i < p->skel->bss->disk_n_devices; i++) {
		if (bpf_map_lookup_elem_flags(bpf_map__fd(p->skel->maps.disk_devices), &i, &p->device, BPF_F_LOCK))
			return err_set(e, -errno, "cannot read the disks' state: %s", strerror(errno));
		device_add(p);
	}
	return 0;
}

/* The victim's row of this interval; its remainder goes to its own share. */
static void row_report(struct disk_probe *p, unsigned slot, struct probe_sample *s)
{
	uint64_t *row = s->blame[PROBE_BLAME_DISK][slot], others = 0, own;
	uint64_t out = p->outstanding[slot] - p->outstanding_last[slot];
	int64_t off;

	for (unsigned b = 0; b < SLOTS; b++) {
		row[b] = p->blame[slot][b] - p->blame_last[slot][b];
		p->blame_last[slot][b] = p->blame[slot][b];
		if (b != slot)
			others += row[b];
	}
	for (unsigned b = 0; others > out && b < SLOTS; b++) { /* rounding of pair sums; a few ns */
		uint64_t cut = b == slot ? 0 : row[b] < others - out ? row[b] : others - out;

		row[b] -= cut;
		others -= cut;
	}
	own = out - others;
	off = (int64_t)(own - row[slot]);
	if ((uint64_t)llabs(off) > out / BLAME_TOLERANCE + SLOTS)
		p->remainders++;
	row[slot] = own;
	p->outstanding_last[slot] = p->outstanding[slot];
	s->counters[PROBE_COUNTER_DISK_OUTSTANDING][slot] = (int64_t)out;
}

static void hist_report(const uint32_t *now, const uint32_t *last, uint64_t *out)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		out[i] = now[i] - last[i];
}

static void slot_report(struct disk_probe *p, unsigned slot, struct probe_sample *s)
{
	struct disk_slot *last = &p->last[slot], now = p->slots[slot];
	const struct { enum probe_counter id; uint64_t value; } rows[] = {
#define GROWN(id, field) { PROBE_COUNTER_##id, now.field - last->field }
		GROWN(DISK_READ_BYTES, bytes[DISK_READ]), GROWN(DISK_WRITE_BYTES, bytes[DISK_WRITE]),
		GROWN(DISK_DISCARD_BYTES, bytes[DISK_DISCARD]),
		GROWN(DISK_READS, ios[DISK_READ]), GROWN(DISK_WRITES, ios[DISK_WRITE]), GROWN(DISK_FLUSHES, ios[DISK_FLUSH]),
		GROWN(DISK_DISCARDS, ios[DISK_DISCARD]), GROWN(DISK_MERGES, merges),
		GROWN(DISK_BY_CGROUP, methods[DISK_BY_CGROUP]), GROWN(DISK_BY_TASK, methods[DISK_BY_TASK]),
		GROWN(DISK_BY_INODE, methods[DISK_BY_INODE]),
#undef GROWN
	};
	uint64_t queue = 0, device = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].id][slot] = (int64_t)rows[i].value;
	for (int op = 0; op < DISK_OPS; op++) {
		queue += now.queue_ns[op] - last->queue_ns[op];
		device += now.device_ns[op] - last->device_ns[op];
	}
	s->counters[PROBE_COUNTER_DISK_QUEUE][slot] = (int64_t)queue;
	s->counters[PROBE_COUNTER_DISK_DEVICE][slot] = (int64_t)device;
	for (int op = DISK_READ; op <= DISK_FLUSH; op++) {
		hist_report(now.queue_hist[op], last->queue_hist[op], s->hists[PROBE_HIST_DISK_READ_QUEUE + 2 * op][slot]);
		hist_report(now.device_hist[op], last->device_hist[op], s->hists[PROBE_HIST_DISK_READ_DEVICE + 2 * op][slot]);
	}
	if (p->sees_syncs)
		s->counters[PROBE_COUNTER_DISK_FSYNC][slot] = (int64_t)(now.sync_ns - last->sync_ns);
	hist_report(now.sync_hist, last->sync_hist, s->hists[PROBE_HIST_DISK_FSYNC][slot]);
	for (unsigned b = 0; b < SLOTS; b++)
		s->blame[PROBE_BLAME_SOFTIRQ][slot][b] += probe_scaled(now.irq_cost[b] - last->irq_cost[b], s->hot_ratio);
	*last = now;
}

static int disk_read(void *state, struct probe_sample *s, struct err *e)
{
	struct disk_probe *p = state;
	int err;

	devices_scan(p);
	if ((err = sharing_read(p, e)) < 0)
		return err;
	PROBE_FOR_SLOTS(slot, s) {
		slot_report(p, slot, s);
		row_report(p, slot, s);
	}
	for (int h = PROBE_HIST_DISK_READ_QUEUE; h <= PROBE_HIST_DISK_FLUSH_DEVICE; h++)
		s->hist_present[h] = true;
	s->hist_present[PROBE_HIST_DISK_FSYNC] = p->sees_syncs;
	s->blame_present[PROBE_BLAME_DISK] = true;
	s->blame_present[PROBE_BLAME_SOFTIRQ] |= s->hot_ratio > 0;
	return 0;
}

static uint64_t disk_losses(const void *state)
{
	const struct disk_probe *p = state;
	uint64_t lost = p->remainders;

	for (int i = 0; i < DISK_LOSSES; i++)
		lost += p->skel->bss->disk_lost[i];
	return lost;
}

static struct bpf_object *disk_object(const void *state)
{
	return ((const struct disk_probe *)state)->skel->obj;
}

/* Writers of files are needed only where cgroups do not say who owns writeback. */
static int disk_step_down(void *state, char *note, size_t size)
{
	struct disk_probe *p = state;

	if (p->no_writers)
		return -ENOENT;
	p->no_writers = true;
	bpf_link__destroy(p->skel->links.disk_dirty_folio);
	bpf_link__destroy(p->skel->links.disk_dirty_page);
	p->skel->links.disk_dirty_folio = p->skel->links.disk_dirty_page = NULL;
	snprintf(note, size, "writers of files are no longer remembered: writeback outside blkio cgroups counts as the kernel's");
	return 0;
}

static void disk_close(void *state)
{
	struct disk_probe *p = state;

	if (!p)
		return;
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	disk_bpf__destroy(p->skel);
	free(p);
}

const struct probe probe_disk = {
	.name = "disk", .help = "bytes, requests, queue and device time by owner; blame by sharing of each device",
	.open = disk_open, .attach = disk_attach, .read = disk_read, .losses = disk_losses, .object = disk_object,
	.parts = { [PROBE_HOT] = disk_hot }, .part_help = { [PROBE_HOT] = "interrupts" }, .step_down = disk_step_down, .close = disk_close,
};
