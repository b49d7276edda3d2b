/* Maps that all BPF objects share: see probes/table.h. */
#include "probes/table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t entries_within(const struct probe_shared *shared, uint32_t built)
{
	return shared->table_entries && shared->table_entries < built ? shared->table_entries : built;
}

int probe_shared_open(struct probe_shared *shared, struct err *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);

	shared->n_cpus = libbpf_num_possible_cpus();
	if (shared->n_cpus < 1)
		return err_set(e, -ENOSYS, "cannot read /sys/devices/system/cpu/possible; is /sys mounted?");
	shared->slot_map_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "slot_map", sizeof(struct slot_key), sizeof(uint32_t),
					     entries_within(shared, SLOT_MAP_ENTRIES), NULL);
	if (shared->slot_map_fd < 0)
		return err_set(e, -errno, "cannot create a BPF map: %s; run as root (cotenant doctor says what is missing)", strerror(errno));
	shared->slot_ctl_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slot_ctl", sizeof(uint32_t), sizeof(struct slot_ctl), 1, &mapped);
	if (shared->slot_ctl_fd < 0)
		return err_set(e, -errno, "cannot create a mappable BPF array: %s; Linux 5.15 or newer is needed", strerror(errno));
	shared->ctl = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, shared->slot_ctl_fd, 0);
	if (shared->ctl == MAP_FAILED) {
		shared->ctl = NULL;
		return err_set(e, -errno, "cannot map a BPF array: %s", strerror(errno));
	}
	shared->ctl->generation = 1;
	return 0;
}

void probe_shared_close(struct probe_shared *shared)
{
	if (shared->ctl)
		munmap(shared->ctl, (size_t)sysconf(_SC_PAGESIZE));
	for (int *fd = (int[]){ shared->slot_map_fd, shared->slot_ctl_fd, shared->tasks_fd, shared->wait_logs_fd, -2 }; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
}

int probe_share(struct bpf_object *obj, struct probe_shared *shared)
{
	struct { const char *name; int fd; } maps[] = {
		{ "slot_map", shared->slot_map_fd }, { "slot_ctl", shared->slot_ctl_fd }, { "tasks", shared->tasks_fd },
		{ "wait_logs", shared->wait_logs_fd },
	};
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, obj)
		if (bpf_map__type(map) == BPF_MAP_TYPE_HASH &&
		    (err = bpf_map__set_max_entries(map, entries_within(shared, bpf_map__max_entries(map)))) < 0)
			return err;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		map = bpf_object__find_map_by_name(obj, maps[i].name);

		if (map && maps[i].fd >= 0 && (err = bpf_map__reuse_fd(map, maps[i].fd)) < 0)
			return err;
	}
	return 0;
}

void probe_leave(struct bpf_program *const *programs)
{
	for (; *programs; programs++)
		bpf_program__set_autoattach(*programs, false);
}

void probe_windows(struct window_group *out, struct bpf_program *const *programs)
{
	for (; *programs; programs++)
		if (bpf_program__autoload(*programs))
			out->programs[out->n++] = (struct window_program){ bpf_program__fd(*programs), -1, 0 };
}

uint64_t probe_scaled(uint64_t grown, double ratio)
{
	return ratio >= 1 ? grown : ratio > 0 ? (uint64_t)((double)grown / ratio + 0.5) : 0;
}

static void map_adopt(struct bpf_object *obj, const char *name, int *fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (map && *fd < 0)
		*fd = dup(bpf_map__fd(map));
}

void probe_shared_adopt(struct bpf_object *obj, struct probe_shared *shared)
{
	map_adopt(obj, "tasks", &shared->tasks_fd);
	map_adopt(obj, "wait_logs", &shared->wait_logs_fd);
}
