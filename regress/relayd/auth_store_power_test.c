/*
 * Copyright (c) 2026 The Culvert authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/*
 * Changes to the store while the power fails: it is lost at each write and
 * each sync in turn.  What was acknowledged is there when the store is opened
 * again, and what was not is there whole or not at all.
 */

/* link: regress/relayd/auth_store_steps.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_store_steps.h"

/* The real one does not fail here. */
int
fsync(int fd)
{
	return (0);
}

int
fdatasync(int fd)
{
	return (0);
}

/*
 * A VFS over the usual one that remembers what was written to each file and
 * not synced yet.  At a certain write or sync the power is gone: every call
 * from then on fails.  When it is back, each of those writes has happened,
 * or not, or some sectors of it have.
 */

#define SECTOR		512
#define FILES_MAX	8
#define WRITES_MAX	4096

struct written {
	int		 file;
	sqlite3_int64	 at;
	int		 len;		/* -1: the file was cut here */
	uint8_t		*data;
};

struct image {
	char		 name[128];
	uint8_t		*data;		/* as it is on the disk for sure */
	size_t		 len;
};

struct power_file {
	sqlite3_file	 base;
	int		 file;		/* index in images, or -1 */
	sqlite3_file	*real;
};

static struct image		 images[FILES_MAX];
static struct written		 written[WRITES_MAX];
static size_t			 nwritten;
static sqlite3_vfs		*unix_vfs;
static unsigned int		 power_at, power_seen;
static int			 power_off;
static unsigned int		 power_seed;

static struct power_file *
power(sqlite3_file *f)
{
	return ((struct power_file *)f);
}

static int
power_fails(void)
{
	if (power_at != 0 && ++power_seen >= power_at)
		power_off = 1;
	return (power_off);
}

static void
image_write(struct image *im, sqlite3_int64 at, const uint8_t *data, int len)
{
	if (len == -1) {
		if ((size_t)at < im->len)
			im->len = at;
		return;
	}
	if ((size_t)(at + len) > im->len) {
		im->data = realloc(im->data, at + len);
		assert_non_null(im->data);
		memset(im->data + im->len, 0, at + len - im->len);
		im->len = at + len;
	}
	memcpy(im->data + at, data, len);
}

static void
power_remember(int file, sqlite3_int64 at, const void *data, int len)
{
	struct written	*w = &written[nwritten++];

	assert_true(nwritten < WRITES_MAX);
	w->file = file;
	w->at = at;
	w->len = len;
	w->data = NULL;
	if (len > 0) {
		w->data = malloc(len);
		assert_non_null(w->data);
		memcpy(w->data, data, len);
	}
}

/* It is on the disk now. */
static void
power_settle(int file)
{
	size_t	 i, n = 0;

	for (i = 0; i < nwritten; i++) {
		if (written[i].file != file) {
			written[n++] = written[i];
			continue;
		}
		image_write(&images[file], written[i].at, written[i].data,
		    written[i].len);
		free(written[i].data);
	}
	nwritten = n;
}

/* What the disk made of it while the power went. */
static void
power_tear(void)
{
	struct written	*w;
	size_t		 i;
	int		 how, off, n;

	for (i = 0; i < nwritten; i++) {
		w = &written[i];
		how = rand_r(&power_seed) % 3;
		if (how == 1 || (how == 2 && w->len == -1))
			image_write(&images[w->file], w->at, w->data,
			    w->len);
		for (off = 0; how == 2 && off < w->len; off += SECTOR) {
			n = w->len - off < SECTOR ? w->len - off : SECTOR;
			if (rand_r(&power_seed) % 2)
				image_write(&images[w->file], w->at + off,
				    w->data + off, n);
		}
		free(w->data);
	}
	nwritten = 0;
}

static void
power_back(void)
{
	size_t	 i;
	int	 fd;

	power_tear();
	(void)unlink("culvert.db");
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	(void)unlink("culvert.db-journal");
	for (i = 0; i < FILES_MAX; i++) {
		if (images[i].name[0] == '\0')
			continue;
		fd = open(images[i].name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_not_equal(fd, -1);
		if (images[i].len > 0)
			assert_int_equal(write(fd, images[i].data,
			    images[i].len), images[i].len);
		close(fd);
		free(images[i].data);
		memset(&images[i], 0, sizeof(images[i]));
	}
	power_off = 0;
	power_at = 0;
}

static int
power_close(sqlite3_file *f)
{
	int	 rc = SQLITE_OK;

	if (power(f)->real->pMethods != NULL)
		rc = power(f)->real->pMethods->xClose(power(f)->real);
	return (rc);
}

static int
power_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	if (power_off)
		return (SQLITE_IOERR_READ);
	return (power(f)->real->pMethods->xRead(power(f)->real, buf, n, at));
}

static int
power_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	int	 off = power_off;

	/* The one at which it goes may be on its way. */
	if (!off && power(f)->file != -1)
		power_remember(power(f)->file, at, buf, n);
	if (power_fails())
		return (SQLITE_IOERR_WRITE);
	return (power(f)->real->pMethods->xWrite(power(f)->real, buf, n, at));
}

static int
power_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	if (power_fails())
		return (SQLITE_IOERR_TRUNCATE);
	if (power(f)->file != -1)
		power_remember(power(f)->file, n, NULL, -1);
	return (power(f)->real->pMethods->xTruncate(power(f)->real, n));
}

static int
power_sync(sqlite3_file *f, int flags)
{
	if (power_fails())
		return (SQLITE_IOERR_FSYNC);
	if (power(f)->file != -1)
		power_settle(power(f)->file);
	return (SQLITE_OK);
}

static int
power_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return (power(f)->real->pMethods->xFileSize(power(f)->real, n));
}

static int
power_lock(sqlite3_file *f, int how)
{
	return (power(f)->real->pMethods->xLock(power(f)->real, how));
}

static int
power_unlock(sqlite3_file *f, int how)
{
	return (power(f)->real->pMethods->xUnlock(power(f)->real, how));
}

static int
power_reserved(sqlite3_file *f, int *yes)
{
	return (power(f)->real->pMethods->xCheckReservedLock(power(f)->real,
	    yes));
}

static int
power_control(sqlite3_file *f, int op, void *arg)
{
	return (power(f)->real->pMethods->xFileControl(power(f)->real, op,
	    arg));
}

static int
power_sector(sqlite3_file *f)
{
	return (SECTOR);
}

/* Nothing is promised. */
static int
power_device(sqlite3_file *f)
{
	return (0);
}

static int
power_shm_map(sqlite3_file *f, int n, int size, int extend,
    void volatile **p)
{
	return (power(f)->real->pMethods->xShmMap(power(f)->real, n, size,
	    extend, p));
}

static int
power_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return (power(f)->real->pMethods->xShmLock(power(f)->real, off, n,
	    flags));
}

static void
power_shm_barrier(sqlite3_file *f)
{
	power(f)->real->pMethods->xShmBarrier(power(f)->real);
}

static int
power_shm_unmap(sqlite3_file *f, int del)
{
	return (power(f)->real->pMethods->xShmUnmap(power(f)->real, del));
}

static const sqlite3_io_methods power_methods = {
	2, power_close, power_read, power_write, power_truncate, power_sync,
	power_size, power_lock, power_unlock, power_reserved, power_control,
	power_sector, power_device, power_shm_map, power_shm_lock,
	power_shm_barrier, power_shm_unmap, NULL, NULL
};

static int
power_image(const char *path)
{
	const char	*name = strrchr(path, '/');
	int		 i;

	name = name != NULL ? name + 1 : path;
	for (i = 0; i < FILES_MAX; i++) {
		if (strcmp(images[i].name, name) == 0)
			return (i);
	}
	for (i = 0; i < FILES_MAX; i++) {
		if (images[i].name[0] == '\0') {
			strlcpy(images[i].name, name, sizeof(images[i].name));
			return (i);
		}
	}
	fail_msg("too many files");
	return (-1);
}

static int
power_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
    int *out)
{
	struct power_file	*pf = power(f);
	int			 rc;

	f->pMethods = NULL;
	if (power_off)
		return (SQLITE_CANTOPEN);
	pf->real = (sqlite3_file *)(pf + 1);
	pf->file = name == NULL ? -1 : power_image(name);
	rc = unix_vfs->xOpen(unix_vfs, name, pf->real, flags, out);
	if (pf->real->pMethods != NULL)
		f->pMethods = &power_methods;
	return (rc);
}

static int
power_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	int	 i;

	if (power_fails())
		return (SQLITE_IOERR_DELETE);
	i = power_image(name);
	power_settle(i);
	free(images[i].data);
	memset(&images[i], 0, sizeof(images[i]));
	return (unix_vfs->xDelete(unix_vfs, name, sync));
}

static sqlite3_vfs	 power_vfs;

static void
power_lost_at_each_write_and_sync(void **state)
{
	enum store_result	 r;
	unsigned int		 at, round;
	size_t			 done, there, torn = 0;

	unix_vfs = sqlite3_vfs_find("unix");
	power_vfs = *unix_vfs;
	power_vfs.pNext = NULL;
	power_vfs.zName = "power";
	power_vfs.szOsFile = sizeof(struct power_file) + unix_vfs->szOsFile;
	power_vfs.xOpen = power_open;
	power_vfs.xDelete = power_delete;
	for (round = 0; round < 3; round++) {
		for (at = 1; ; at++) {
			assert_int_equal(sqlite3_vfs_register(&power_vfs, 1),
			    SQLITE_OK);
			steps_fresh(round > 0);
			if (round > 0)
				image_write(&images[power_image(
				    "culvert.db")], 0,
				    (uint8_t *)steps_empty, steps_empty_len);
			power_seed = round * 100000 + at;
			power_seen = 0;
			power_at = at;
			r = steps_run(&done);
			steps_close();
			sqlite3_vfs_unregister(&power_vfs);
			there = power_seen >= at;
			torn += nwritten;
			power_back();
			if (!there) {
				assert_int_equal(r, STORE_OK);
				break;
			}
			store = store_new("culvert.db", "/here/culvert.db");
			steps_go_on(done, at);
			steps_close();
		}
		assert_in_range(at, 50, 5000);
	}
	assert_true(torn > 100);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(power_lost_at_each_write_and_sync),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, steps_setup, steps_teardown));
}
