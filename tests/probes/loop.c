/* See loop.h. */
#include "tests/probes/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int loop_open(struct loop *l, size_t bytes)
{
	char command[160];
	struct stat st;
	FILE *f;
	int fd, err;

	*l = (struct loop){ .file = "/dev/shm/cotenant-disk-XXXXXX" };
	fd = mkstemp(l->file);
	if (fd < 0)
		return -errno;
	err = ftruncate(fd, (off_t)bytes) ? -errno : 0;
	close(fd);
	if (err) {
		loop_close(l);
		return err;
	}
	snprintf(command, sizeof(command), "losetup -f --show %s 2> /dev/null", l->file);
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
