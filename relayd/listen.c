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
 * The sockets that relayd listens on, opened by its parent and kept there,
 * so that they and their backlog outlive any process that accepts.
 */

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "config.h"
#include "control.h"
#include "listen.h"
#include "log.h"
#include "udp_key.h"

#define LISTEN_BACKLOG	4096
/* Processes of a relayd that was killed may hold a port for a moment. */
#define LISTEN_TRIES	20
#define LISTEN_TRY_US	100000

static socklen_t	sockaddr_len(const struct sockaddr_storage *);
static struct listen_addr *listen_find(struct relayd_conf *,
			    const struct listen_addr *);

static socklen_t
sockaddr_len(const struct sockaddr_storage *ss)
{
	return (ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in));
}

/*
 * Our sockets share the port among themselves by SO_REUSEPORT, which would
 * also let a second relayd in: one that does not share must get it first.
 */
int
listen_free(const struct sockaddr_storage *ss, int type)
{
	int	 fd, error, one = 1, ret = 0;

	if ((fd = socket(ss->ss_family, type | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	/* Of datagrams, two that say so would share the port. */
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
		    sizeof(one));
	if (ss->ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
		    sizeof(one));
	if (bind(fd, (const struct sockaddr *)ss, sockaddr_len(ss)) == -1)
		ret = -1;
	error = errno;
	close(fd);
	errno = error;
	return (ret);
}

/* At start-up only: nothing else waits for us then. */
static int
listen_wait_free(const struct sockaddr_storage *ss)
{
	int	 i;

	for (i = 0; i < LISTEN_TRIES; i++) {
		if (listen_free(ss, SOCK_STREAM) == 0)
			return (0);
		if (errno != EADDRINUSE)
			return (-1);
		usleep(LISTEN_TRY_US);
	}
	return (-1);
}

int
listen_socket(const struct sockaddr_storage *ss, int type)
{
	int	 fd, one = 1;

	fd = socket(ss->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return (-1);
	if ((type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
	    &one, sizeof(one)) == -1) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
	    sizeof(one)) == -1 || (ss->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
	    sizeof(one)) == -1)) {
		close(fd);
		return (-1);
	}
	if (type == SOCK_DGRAM)
		udp_key_socket(fd, ss->ss_family);
	if (bind(fd, (const struct sockaddr *)ss, sockaddr_len(ss)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, LISTEN_BACKLOG) == -1)) {
		close(fd);
		return (-1);
	}
	return (fd);
}

void
listen_again(int fd)
{
	(void)listen(fd, LISTEN_BACKLOG);
}

static struct listen_addr *
listen_find(struct relayd_conf *conf, const struct listen_addr *want)
{
	struct listen_addr	*l;

	if (conf == NULL)
		return (NULL);
	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (l->fds != NULL && memcmp(&l->ss, &want->ss,
		    sizeof(l->ss)) == 0)
			return (l);
	}
	return (NULL);
}

int
listen_open(struct relayd_conf *conf, struct relayd_conf *old)
{
	struct listen_addr	*l, *have;
	char			 addr[ADDR_STRLEN];
	int			 i;

	TAILQ_FOREACH(l, &conf->listens, entry) {
		if ((l->fds = calloc(conf->prefork, sizeof(int))) == NULL)
			fatal("listen");
		for (i = 0; i < conf->prefork; i++)
			l->fds[i] = -1;
		addr_format((struct sockaddr *)&l->ss, addr);
		have = listen_find(old, l);
		if (have == NULL && (old == NULL ?
		    listen_wait_free(&l->ss) :
		    listen_free(&l->ss, SOCK_STREAM)) == -1) {
			log_warn("listen on %s", addr);
			if (errno == EADDRINUSE)
				log_warnx("is another relayd running?");
			return (-1);
		}
		for (i = 0; i < conf->prefork; i++) {
			l->fds[i] = have != NULL ? dup(have->fds[i]) :
			    listen_socket(&l->ss, SOCK_STREAM);
			if (l->fds[i] == -1) {
				log_warn("listen on %s", addr);
				return (-1);
			}
		}
	}
	return (0);
}

int
listen_rehearse(struct relayd_conf *conf, struct relayd_conf *old)
{
	struct listen_addr	*l;
	char			 addr[ADDR_STRLEN];

	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (listen_find(old, l) != NULL ||
		    listen_free(&l->ss, SOCK_STREAM) == 0)
			continue;
		log_warn("listen on %s",
		    addr_format((struct sockaddr *)&l->ss, addr));
		return (-1);
	}
	return (0);
}

int
listen_control(const struct relayd_conf *conf)
{
	return (control_bind("relayd", conf->control, conf->control_group));
}
