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
 * Copies of the store: for accessctl, which gets a descriptor of a file that
 * has no name any more, and each day one that is kept beside the store.  Some
 * pages are copied at a time; log-ins go on in between.
 */

#include "compat.h"

#include <sys/stat.h>

#include <imsg.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "log.h"

#define PAGES		128		/* copied before others have a turn */
#define TOLD_MS		250		/* between words about it */
#define LOOK_MS		60000		/* is it time for one? */
#define AGAIN_MS	3600000		/* after one that failed */
#define DAY_S		86400
#define WHOLE_MAX	(64LL << 20)	/* bytes that are checked at once */

enum { COPY_NONE, COPY_CLIENT, COPY_DAILY };

static int	 copy_begin(int, uint32_t);
static void	 copy_ended(enum store_result, uint64_t);
static void	 copy_hand_over(uint64_t);
static void	 copy_keep(void);
static int	 daily_due(void);
static void	 daily_name(char *, size_t, uint32_t);

static struct {
	int		 kind;
	uint32_t	 client;
	uint64_t	 told;			/* ms */
} copy;

static char	 base[1024];
static char	 temporary[1100];
static uint32_t	 keep;
static uint64_t	 look_at;			/* ms */

void
auth_backup_keep(uint32_t n)
{
	keep = n > BACKUPS_MAX ? BACKUPS_MAX : n;
}

void
auth_backup_init(const char *folder)
{
	/* In a chroot the folder is "/". */
	strlcpy(base, strcmp(folder, "/") == 0 ? "" : folder, sizeof(base));
	(void)snprintf(temporary, sizeof(temporary), "%s/copy.tmp", base);
	store_copy_cancel(auth_store, temporary);
	copy.kind = COPY_NONE;
	look_at = auth_mono() + LOOK_MS;
}

static int
copy_begin(int kind, uint32_t client)
{
	copy.kind = kind;
	copy.client = client;
	copy.told = auth_mono();
	if (store_copy_start(auth_store, temporary) != STORE_OK) {
		copy.kind = COPY_NONE;
		return (-1);
	}
	auth_soon();
	return (0);
}

/* ---- for accessctl ---- */

int
auth_recv_copy(struct proc_peer *peer, struct imsg *imsg)
{
	struct auth_request	 req = { imsg_get_id(imsg), "copy", "" };
	struct ctl_name		 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (copy.kind == COPY_CLIENT)
		return (auth_admin_error(&req, CTL_CODE_EXISTS,
		    "another copy is being made: try again in a while"));
	/* Who waits goes before who does not: the day's is made later. */
	if (copy.kind == COPY_DAILY)
		look_at = auth_mono() + LOOK_MS;
	auth_audit_settle();
	if (copy_begin(COPY_CLIENT, req.client) == -1)
		return (auth_admin_error(&req, CTL_CODE_STORE, "%s",
		    store_copy_error(auth_store)));
	return (0);
}

int
auth_recv_copy_cancel(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_name	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (copy.kind == COPY_CLIENT && copy.client == imsg_get_id(imsg)) {
		store_copy_cancel(auth_store, temporary);
		copy.kind = COPY_NONE;
	}
	return (0);
}

static void
copy_hand_over(uint64_t pages)
{
	struct auth_request	 req = { copy.client, "copy", "" };
	struct ctl_copy		 msg;
	struct stat		 st;
	int			 fd;

	fd = open(temporary, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		(void)auth_admin_error(&req, CTL_CODE_STORE,
		    "the copy can't be opened: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return;
	}
	memset(&msg, 0, sizeof(msg));
	msg.done = msg.total = pages;
	msg.bytes = st.st_size;
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_COPY_FILE, copy.client,
	    fd, &msg, sizeof(msg)) == 0)
		(void)auth_admin_ok(&req, "%s", "");
}

/* ---- each day ---- */

static void
daily_name(char *buf, size_t size, uint32_t n)
{
	(void)snprintf(buf, size, "%s/backup-%u.db", base, n);
}

/* The newest is a day old, or from a future that was none. */
static int
daily_due(void)
{
	struct stat	 st;
	char		 name[1100];

	if (keep == 0 || !store_is_open(auth_store))
		return (0);
	daily_name(name, sizeof(name), 1);
	if (stat(name, &st) == -1)
		return (errno == ENOENT);
	return (auth_wall() - st.st_mtime >= DAY_S ||
	    st.st_mtime - auth_wall() >= DAY_S);
}

/* A copy that can't be used never takes the place of one that can. */
static void
copy_keep(void)
{
	char		 from[1100], to[1100];
	uint32_t	 n;

	if (store_copy_check(auth_store, temporary, WHOLE_MAX) != STORE_OK) {
		log_warnx("backup: %s; older ones stay as they are: "
		    "accessctl check says more",
		    store_copy_error(auth_store));
		look_at = auth_mono() + AGAIN_MS;
		return;
	}
	for (n = keep; n <= BACKUPS_MAX; n++) {
		daily_name(to, sizeof(to), n);
		(void)unlink(to);
	}
	for (n = keep; n > 1; n--) {
		daily_name(from, sizeof(from), n - 1);
		daily_name(to, sizeof(to), n);
		(void)rename(from, to);
	}
	daily_name(to, sizeof(to), 1);
	if (rename(temporary, to) == -1) {
		log_warn("backup: %s", to);
		look_at = auth_mono() + AGAIN_MS;
		return;
	}
	log_info("backup: made, %u kept", keep);
}

/* ---- both ---- */

static void
copy_ended(enum store_result r, uint64_t pages)
{
	struct auth_request	 req = { copy.client, "copy", "" };
	int			 kind = copy.kind;

	copy.kind = COPY_NONE;
	if (kind == COPY_CLIENT && r == STORE_NONE)
		copy_hand_over(pages);
	else if (kind == COPY_CLIENT)
		(void)auth_admin_error(&req, CTL_CODE_STORE, "%s",
		    store_copy_error(auth_store));
	else if (r == STORE_NONE)
		copy_keep();
	else {
		log_warnx("backup: %s", store_copy_error(auth_store));
		look_at = auth_mono() + AGAIN_MS;
	}
	/* Handed over it needs no name, and renamed it has another. */
	store_copy_cancel(auth_store, temporary);
}

int
auth_backup_tick(void)
{
	enum store_result	 r;
	struct ctl_copy		 msg;
	uint64_t		 now = auth_mono();

	if (copy.kind == COPY_NONE) {
		if (now < look_at)
			return (0);
		look_at = now + LOOK_MS;
		if (!daily_due())
			return (0);
		if (copy_begin(COPY_DAILY, 0) == -1) {
			log_warnx("backup: %s", store_copy_error(auth_store));
			look_at = now + AGAIN_MS;
			return (0);
		}
	}
	memset(&msg, 0, sizeof(msg));
	r = store_copy_step(auth_store, PAGES, &msg.done, &msg.total);
	if (r != STORE_OK) {
		copy_ended(r, msg.total);
		return (0);
	}
	if (copy.kind == COPY_CLIENT && now - copy.told >= TOLD_MS) {
		copy.told = now;
		(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_COPY,
		    copy.client, -1, &msg, sizeof(msg));
	}
	return (1);
}
