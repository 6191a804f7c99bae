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
 * Unix sockets as targets.  The parent connects to them: most let in one user
 * or one group, and a process that speaks to the network should be neither.
 * It goes by its own copy of the rules, and only to what they name.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agentd.h"
#include "clock.h"
#include "link.h"
#include "log.h"
#include "log_limit.h"
#include "proxy_policy.h"

static struct log_limit	 blocked = { .burst = 500, .ms = 1000 };

static int
unix_dial(const char *path)
{
	struct sockaddr_un	 sun;
	int			 fd, save_errno;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	/* It connects at once or not at all: nothing waits here. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

static void
unix_fail(struct proc_peer *peer, uint32_t id, uint16_t code,
    const char *path, const char *why)
{
	struct connect_failed	 f;

	memset(&f, 0, sizeof(f));
	f.code = code;
	/* A path may fill all of the text. */
	if (path != NULL && strlen(path) + 2 + strlen(why) <
	    sizeof(f.text)) {
		strlcpy(f.text, path, sizeof(f.text));
		strlcat(f.text, ": ", sizeof(f.text));
	}
	strlcat(f.text, why, sizeof(f.text));
	(void)proc_send(peer, IMSG_CONNECT_FAILED, id, -1, &f, sizeof(f));
}

static void
unix_try(struct proc_peer *peer, uint32_t id, const char *path)
{
	struct connected	 done = { 0 };
	uint16_t		 code;
	int			 fd;

	if ((fd = unix_dial(path)) != -1) {
		(void)proc_send(peer, IMSG_CONNECTED, id, fd, &done,
		    sizeof(done));
		return;
	}
	switch (errno) {
	case ECONNREFUSED:
	case EAGAIN:		/* its backlog is full */
		code = MUX_CODE_REFUSED;
		break;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		code = MUX_CODE_INTERNAL;
		break;
	default:
		code = MUX_CODE_UNREACHABLE;
		break;
	}
	unix_fail(peer, id, code, path, strerror(errno));
}

void
unix_connect(struct proc_peer *peer, uint32_t id, const struct rules *rules,
    const struct connect_target *c)
{
	log_debug("%s from %s asks for %s", c->user, c->client, c->host);
	if (!policy_pass_unix(rules, c->host)) {
		if (log_limit_may(&blocked, clock_us() / 1000, NULL))
			log_info("target %s: blocked by the rules of "
			    "agentd.conf", c->host);
		unix_fail(peer, id, MUX_CODE_DENIED, NULL,
		    "the device's own rules block this target");
		return;
	}
	unix_try(peer, id, c->host);
}

/* NULL: it was one before a reload. */
void
unix_connect_backend(struct proc_peer *peer, uint32_t id,
    const struct backend *b)
{
	if (b == NULL)
		unix_fail(peer, id, MUX_CODE_NO_SERVICE, NULL,
		    "no such backend in the configuration");
	else
		unix_try(peer, id, b->url.host);
}
