/* See loop.h. */
#include "tests/probes/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The file behind it. True in *direct: on a disk, with all its blocks. */
static int file_make(char *path, size_t bytes, bool *direct)
{
	static const char zeros[1 << 16];
	struct stat st = { 0 };
	int fd = mkstemp(path), err;

	*direct = false;
	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) || ftruncate(fd, (off_t)bytes) ? -errno : 0;
	*direct = major(st.st_dev) != 0;
	for (size_t at = 0; *direct && !err && at < bytes; at += sizeof(zeros))
		err = pwrite(fd, zeros, sizeof(zeros), (off_t)at) == sizeof(zeros) ? 0 : -EIO;
	if (*direct && !err && fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int loop_open(struct loop *l, const char *folder, size_t bytes)
{
	char command[160];
	struct stat st;
	bool direct;
	FILE *f;
	int err;

	*l = (struct loop){ 0 };
	snprintf(l->file, sizeof(l->file), "%s/cotenant-loop-XXXXXX", folder);
	if ((err = file_make(l->file, bytes, &direct)) < 0) {
		loop_close(l);
		return err;
	}
	snprintf(command, sizeof(command), "losetup -f --show --direct-io=%s %s 2> /dev/null", direct ? "on" : "off", l->file);
	f = popen(command, "r");
	if (!f || !fgets(l->device, sizeof(l->device), f))
		l->device[0] = '\0';
	if (f)
		pclose(f);
	l->device[strcspn(l->device, "\n")] = '\0';
	if (!l->device[0] || stat(l->device, &st)) {
		loop_close(l);
		return -ENODEV;
	}
	l->major = major(st.st_rdev);
	l->minor = minor(st.st_rdev);
	return 0;
}

void loop_close(struct loop *l)
{
	char command[160];

	snprintf(command, sizeof(command), "losetup -d %s", l->device);
	if (l->device[0] && system(command))
		printf("note: %s stays\n", l->device);
	if (l->file[0])
		unlink(l->file);
	*l = (struct loop){ 0 };
}

int disk_account_read(unsigned major_no, unsigned minor_no, struct disk_account *out)
{
	uint64_t v[6];
	char path[80];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major_no, minor_no);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (n < 6 && fscanf(f, "%" SCNu64, &v[n]) == 1) /* reads: number, merged, sectors, ms; writes: number, merged, … */
		n++;
	fclose(f);
	if (n < 6)
		return -EPROTO;
	*out = (struct disk_account){ .reads = v[0], .read_ms = v[3], .merges = v[1] + v[5] };
	return 0;
}
