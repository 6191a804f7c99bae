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
 * The control socket: one request at a time, answered by records and an end.
 * The daemon checks who we are and every field again.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <imsg.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_ask.h"
#include "log.h"

#define CONTROL_WAIT_MS		30000	/* for the next part of an answer */
#define CONTROL_RECORD_MAX	2048

/* The strings of records: their ends are checked once, here. */
#define STRING(type, name, field)					\
	{ type, offsetof(struct name, field),				\
	    sizeof(((struct name *)NULL)->field) }
static const struct {
	uint32_t	 type;
	size_t		 offset, size;
} strings[] = {
	STRING(CTL_USER, ctl_user, email),
	STRING(CTL_USER, ctl_user, username),
	STRING(CTL_TOKEN, ctl_token, token_id),
	STRING(CTL_TOKEN, ctl_token, email),
	STRING(CTL_TOKEN, ctl_token, name),
	STRING(CTL_TOKEN, ctl_token, nodes),
	STRING(CTL_NODE, ctl_node, name),
	STRING(CTL_NODE, ctl_node, email),
	STRING(CTL_NODE, ctl_node, token_id),
	STRING(CTL_NODE, ctl_node, addr),
	STRING(CTL_NODE, ctl_node, software),
	STRING(CTL_GRANT, ctl_grant, email),
	STRING(CTL_GRANT, ctl_grant, node),
	STRING(CTL_GRANT, ctl_grant, targets),
	STRING(CTL_GRANT, ctl_grant, owner),
	STRING(CTL_GRANT, ctl_grant, granted_by),
	STRING(CTL_CONN, ctl_conn, email),
	STRING(CTL_CONN, ctl_conn, node),
	STRING(CTL_CONN, ctl_conn, host),
	STRING(CTL_CONN, ctl_conn, addr),
	STRING(CTL_STAT, ctl_stat, name),
	STRING(CTL_AGENT, ctl_agent, name),
	STRING(CTL_AGENT, ctl_agent, state),
	STRING(CTL_AGENT, ctl_agent, relay),
	STRING(CTL_AGENT, ctl_agent, way),
	STRING(CTL_AGENT, ctl_agent, software),
	STRING(CTL_AGENT, ctl_agent, tls),
	STRING(CTL_AGENT, ctl_agent, next_relay),
	STRING(CTL_AGENT_TRY, ctl_agent_try, what),
	STRING(CTL_AGENT_TRY, ctl_agent_try, relay),
	STRING(CTL_AGENT_TRY, ctl_agent_try, way),
	STRING(CTL_AGENT_TRY, ctl_agent_try, text),
	STRING(CTL_AGENT_STREAM, ctl_agent_stream, user),
	STRING(CTL_AGENT_STREAM, ctl_agent_stream, addr),
	STRING(CTL_AGENT_STREAM, ctl_agent_stream, target),
	STRING(CTL_MEMORY_LINE, ctl_memory, process),
	STRING(CTL_MEMORY_LINE, ctl_memory, what),
	STRING(CTL_MEMORY_LINE, ctl_memory, email),
	STRING(CTL_MEMORY_LINE, ctl_memory, node),
	STRING(CTL_MEMORY_LINE, ctl_memory, addr),
	STRING(CTL_MEMORY_LINE, ctl_memory, target),
	STRING(CTL_UPGRADE_RECORD, ctl_upgrade, version),
	STRING(CTL_UPGRADE_RECORD, ctl_upgrade, from),
	STRING(CTL_AUDIT_LINE, ctl_audit, what),
	STRING(CTL_AUDIT_LINE, ctl_audit, email),
	STRING(CTL_AUDIT_LINE, ctl_audit, token_id),
	STRING(CTL_AUDIT_LINE, ctl_audit, node),
	STRING(CTL_AUDIT_LINE, ctl_audit, addr),
	STRING(CTL_AUDIT_LINE, ctl_audit, target),
	STRING(CTL_AUDIT_LINE, ctl_audit, text),
};

/* What is wanted in answer to the request on its way. */
struct question {
	uint32_t	 type;
	size_t		 size;
	void		(*record)(const void *, void *);
	void		*arg;
	struct ctl_end	*end;
};

static const struct control_daemon	*daemon_asked;
static const char	*path;

static struct imsgbuf	 ibuf;
static int		 sock = -1;
static int		 received = -1;		/* a descriptor */
static enum sandbox_profile profile = SANDBOX_ADMIN;
static const struct sandbox_path *paths;
static size_t		 npaths;
static int		 outlive;	/* they may hang up */
static int		 away_max;	/* s, until there are others */
static int		 met;		/* they were there; confined */
static int		 patience = CONTROL_WAIT_MS;
static int		 reader = -1;	/* whose leaving ends it */

static int	control_open(void);
static int	control_wait(void);
static int	control_take(struct imsg *, const struct question *);
static int	control_end(struct imsg *, const struct question *);

void
control_to(const struct control_daemon *d, const char *socket_path)
{
	daemon_asked = d;
	path = socket_path;
}

void
control_patience(int ms)
{
	patience = ms;
}

void
control_sandbox(enum sandbox_profile p, const struct sandbox_path *list,
    size_t n)
{
	profile = p;
	paths = list;
	npaths = n;
}

int
control_fd(void)
{
	int	 fd = received;

	received = -1;
	return (fd);
}

void
control_outlive(int seconds)
{
	outlive = 1;
	away_max = seconds;
	profile = SANDBOX_ADMIN_AGAIN;
}

void
control_reader(int fd)
{
	reader = fd;
}

/* They hung up: 1 if there may be others, or -1 (logged). */
static int
control_gone(void)
{
	if (!outlive) {
		log_warnx("%s hung up: it ended, or this user is not allowed "
		    "to ask (see its log)", daemon_asked->name);
		return (-1);
	}
	imsgbuf_clear(&ibuf);
	close(sock);
	sock = -1;
	return (1);
}

static void
control_why_not(int error)
{
	const struct control_daemon	*d = daemon_asked;

	switch (error) {
	case ENOENT:
		log_warnx("%s is not there: %s is not running, or its socket "
		    "is elsewhere (%s)", path, d->name, d->elsewhere);
		break;
	case ECONNREFUSED:
		log_warnx("%s: %s is not running", path, d->name);
		break;
	case EACCES:
	case EPERM:
		log_warnx("%s: permission denied: %s", path, d->allow);
		break;
	default:
		log_warnx("%s: %s", path, strerror(error));
		break;
	}
}

/* Of somebody who was there once: they may come back. */
static int
control_connect(const struct sockaddr_un *sun)
{
	int	 left = met ? away_max : 0;

	while (connect(sock, (const struct sockaddr *)sun, sizeof(*sun)) ==
	    -1) {
		if ((errno != ENOENT && errno != ECONNREFUSED) || left == 0) {
			control_why_not(errno);
			return (-1);
		}
		if (left-- == away_max)
			log_warnx("%s is away", daemon_asked->name);
		sleep(1);
	}
	return (0);
}

static int
control_open(void)
{
	struct sockaddr_un	 sun;

	if (sock != -1)
		return (0);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		log_warnx("%s: the path of a socket can't be so long", path);
		return (-1);
	}
	if ((sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0)) == -1) {
		log_warn("socket");
		return (-1);
	}
	if (control_connect(&sun) == -1)
		goto fail;
	if (imsgbuf_init(&ibuf, sock) == -1) {
		log_warn("%s", path);
		goto fail;
	}
	imsgbuf_allow_fdpass(&ibuf);
	/* Nothing but this conversation is left to do. */
	if (!met && sandbox_enter(profile, paths, npaths, -1) == -1)
		log_debug("no sandbox: %s", strerror(errno));
	met = 1;
	return (0);
 fail:
	close(sock);
	sock = -1;
	return (-1);
}

/* Until more has come: 0; or what control_ask returns. */
static int
control_wait(void)
{
	/* Of a descriptor without events only errors and hang-ups are told. */
	struct pollfd	 pfd[2] = { { .fd = sock, .events = POLLIN },
			    { .fd = reader } };
	int		 n;

	while ((n = poll(pfd, nitems(pfd), patience)) == -1 && errno == EINTR)
		continue;
	if (n > 0 && pfd[1].revents & (POLLERR | POLLHUP))
		return (2);
	if (n > 0 && pfd[1].revents & POLLNVAL) {
		reader = -1;
		return (0);
	}
	if (n == 0) {
		log_warnx("%s does not answer", daemon_asked->name);
		return (-1);
	}
	if (n == -1 || ((n = imsgbuf_read(&ibuf)) == -1 && !outlive &&
	    errno != ECONNRESET)) {
		log_warn("control socket");
		return (-1);
	}
	return (n < 1 ? control_gone() : 0);
}

/* How it ended: 1 for well, -1 (logged) for not. */
static int
control_end(struct imsg *imsg, const struct question *q)
{
	static const char *const codes[] = {
		"it failed", "the request makes no sense",
		"it exists already", "there is no such thing", "denied",
		"the store can't read or write now", "internal error"
	};

	if (imsg_get_data(imsg, q->end, sizeof(*q->end)) == -1 ||
	    memchr(q->end->text, '\0', sizeof(q->end->text)) == NULL) {
		log_warnx("%s is of another version", daemon_asked->name);
		return (-1);
	}
	if (imsg_get_type(imsg) == CTL_OK && q->end->code == CTL_CODE_OK)
		return (1);
	log_warnx("%s", q->end->text[0] != '\0' ? q->end->text :
	    codes[q->end->code < nitems(codes) ? q->end->code : 0]);
	return (-1);
}

/* One message: 1 if it was the end, 0 if not, -1 (logged) for an error. */
static int
control_take(struct imsg *imsg, const struct question *q)
{
	union {
		uint64_t	 align;
		char		 bytes[CONTROL_RECORD_MAX];
	}		 rec;
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 i;
	int		 fd;

	if (type == CTL_OK || type == CTL_ERROR)
		return (control_end(imsg, q));
	if (type != q->type || q->record == NULL ||
	    q->size > sizeof(rec.bytes) ||
	    imsg_get_data(imsg, rec.bytes, q->size) == -1)
		goto bad;
	for (i = 0; i < nitems(strings); i++) {
		if (strings[i].type == type &&
		    memchr(rec.bytes + strings[i].offset, '\0',
		    strings[i].size) == NULL)
			goto bad;
	}
	if ((fd = imsg_get_fd(imsg)) != -1) {
		if (received != -1)
			close(received);
		received = fd;
	}
	q->record(rec.bytes, q->arg);
	return (0);
 bad:
	log_warnx("%s is of another version", daemon_asked->name);
	return (-1);
}

int
control_ask(uint32_t request, const void *data, size_t len, uint32_t type,
    size_t size, void (*record)(const void *, void *), void *arg,
    struct ctl_end *end)
{
	const struct question	 q = { type, size, record, arg, end };
	struct imsg		 imsg;
	int			 n, got;

	memset(end, 0, sizeof(*end));
	if (control_open() == -1)
		return (-1);
	if (imsg_compose(&ibuf, request, 0, 0, -1, data, len) == -1 ||
	    imsgbuf_flush(&ibuf) == -1) {
		if (outlive || errno == EPIPE || errno == ECONNRESET)
			return (control_gone());
		log_warn("control socket");
		return (-1);
	}
	for (;;) {
		while ((got = imsgbuf_get(&ibuf, &imsg)) == 1) {
			n = control_take(&imsg, &q);
			imsg_free(&imsg);
			if (n != 0)
				return (n == 1 ? 0 : -1);
		}
		if (got == -1) {
			log_warn("control socket");
			return (-1);
		}
		if ((n = control_wait()) != 0)
			return (n);
	}
}
