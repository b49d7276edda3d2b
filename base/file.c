/*
 * Whole-file reading through zlib (which passes plain files through) and atomic writing: see file.h.
 * rename(2) is atomic within a file system, hence the temporary name lives in the target's folder.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

#define FIRST_BYTES (1u << 20)    /* room for what tells no size */
#define CALL_MAX_BYTES (1u << 30) /* of one gzread(), whose count is an int */

int file_read(const char *path, size_t max_bytes, char **text, size_t *size, struct err *e)
{
	const char *shown = strcmp(path, "-") ? path : "standard input";
	size_t used = 0, cap = FIRST_BYTES;
	char *buf = NULL;
	struct stat st = { 0 };
	gzFile in;
	int fd, n, err = 0;

	fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (fd < 0)
		return err_set(e, -errno, "%s: cannot open: %s", shown, strerror(errno));
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(e, -EISDIR, "%s: is a folder, a file is needed", shown);
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size < max_bytes)
		cap = (size_t)st.st_size + 1; /* all of a plain file, and its end; of a packed one, a beginning */
	in = gzdopen(fd, "rb");
	if (!in) {
		close(fd);
		return err_set(e, -ENOMEM, "%s: cannot read: no memory for zlib", shown);
	}
	gzbuffer(in, 1u << 17);
	buf = mem_resize(NULL, cap + 1, 1);
	while ((n = gzread(in, buf + used, cap - used < CALL_MAX_BYTES ? (unsigned)(cap - used) : CALL_MAX_BYTES)) > 0) {
		used += (size_t)n;
		if (used > max_bytes) {
			err = err_set(e, -EFBIG, "%s: larger than the limit of %zu bytes", shown, max_bytes);
			goto out;
		}
		if (used == cap)
			buf = mem_resize(buf, (cap *= 2) + 1, 1);
	}
	if (n < 0 || gzclose_r(in) != Z_OK) {
		if (n < 0)
			gzclose_r(in);
		in = NULL;
		err = err_set(e, -EINVAL, "%s: cannot read, or its gzip data is damaged or cut short", shown);
		goto out;
	}
	in = NULL;
	buf[used] = '\0';
	*text = buf;
	*size = used;
	buf = NULL;
out:
	if (in)
		gzclose_r(in);
	free(buf);
	return err;
}

int file_out_open(struct file_out *f, const char *path, bool overwrite, struct err *e)
{
	int fd;

	*f = (struct file_out){ 0 };
	if (!path || !strcmp(path, "-")) {
		f->stream = stdout;
		return 0;
	}
	if (!overwrite && !access(path, F_OK))
		return err_set(e, -EEXIST, "%s: exists already; choose another name or remove it first", path);
	f->path = str_dup(path);
	f->temporary = str_fmt("%s.XXXXXX", path);
	fd = mkstemp(f->temporary);
	if (fd < 0 || !(f->stream = fdopen(fd, "w"))) {
		int code = -errno;

		if (fd >= 0) {
			close(fd);
			unlink(f->temporary);
		}
		free(f->path);
		free(f->temporary);
		*f = (struct file_out){ 0 };
		return err_set(e, code, "%s: cannot write here: %s", path, strerror(-code));
	}
	return 0;
}

static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? str_fmt("%.*s", (int)(slash - path + (slash == path)), path) : str_dup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

int file_out_commit(struct file_out *f, struct err *e)
{
	mode_t mask = umask(0);
	int code = 0;

	umask(mask);
	errno = 0;
	if (fflush(f->stream) || ferror(f->stream)) {
		code = errno ? -errno : -EIO;
	} else if (f->path) {
		fchmod(fileno(f->stream), 0666 & ~mask);
		if (fsync(fileno(f->stream)) && errno != EINVAL)
			code = -errno;
	}
	if (f->path) {
		if (fclose(f->stream) && !code)
			code = -errno;
		f->stream = NULL;
		if (!code && rename(f->temporary, f->path))
			code = -errno;
		if (!code) {
			sync_folder(f->path);
			free(f->temporary);
			f->temporary = NULL;
		}
	}
	if (code)
		err_set(e, code, "%s: cannot write: %s", f->path ? f->path : "standard output", strerror(-code));
	file_out_abort(f);
	return code;
}

void file_out_abort(struct file_out *f)
{
	if (!f)
		return;
	if (f->path && f->stream)
		fclose(f->stream);
	if (f->temporary)
		unlink(f->temporary);
	free(f->temporary);
	free(f->path);
	*f = (struct file_out){ 0 };
}

int file_read_at(int dir_fd, const char *path, char *buf, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0) {
		n = -errno;
		close(fd);
		return (int)n;
	}
	close(fd);
	buf[used] = '\0';
	return (int)used;
}
