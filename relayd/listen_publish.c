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
 * The sockets of published ports.  Router says what is to be open; whether it
 * may be, our own configuration says again, as router talks to those who
 * talk to strangers.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/tree.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "listen.h"
#include "listen_publish.h"
#include "log.h"
#include "msg_publish.h"
#include "parent.h"
#include "state.h"

#define PUBLISHED_MAX	4096
#define SOCKETS_PART	4	/* this part of our descriptors is for other
				   things */

/* They are compared whole: between members is nothing that nobody sets. */
_Static_assert(sizeof(struct publish) == CTL_ID_LEN + CTL_EMAIL_LEN +
    sizeof(struct publish_spec) + 2 * sizeof(uint32_t), "struct publish");
_Static_assert(sizeof(struct publish_spec) ==
    sizeof(struct sockaddr_storage) + 2 * sizeof(uint32_t),
    "struct publish_spec");

struct published {
	RB_ENTRY(published)	 by_id;
	struct publish		 p;
	int			 wanted;	/* the present router's */
	size_t			 nfds;		/* ports x listeners */
	int			*fds;
};

static int	published_cmp(struct published *, struct published *);
static struct published *published_find(const char *);
static void	published_free(struct published *);
static int	publish_own(const struct publish_spec *);
static uint32_t	publish_check(const struct publish *, char *, size_t);
static uint32_t	publish_open(struct published *, char *, size_t);
static int	publish_room(const struct published *, char *, size_t);
static int	publish_send(const struct published *, int);
static void	publish_lost(struct published *);
static int	publish_slots(const struct published *);
static void	publish_answer(const char *, uint32_t, const char *);

RB_HEAD(published_table, published);
RB_PROTOTYPE_STATIC(published_table, published, by_id, published_cmp)

static struct published_table	 table = RB_INITIALIZER(&table);
static size_t			 npublished;
static size_t			 nsockets;	/* of them all */
static const struct relayd_conf	*rules;	/* that decide */

static int
published_cmp(struct published *a, struct published *b)
{
	return (strcmp(a->p.id, b->p.id));
}

RB_GENERATE_STATIC(published_table, published, by_id, published_cmp)

static struct published *
published_find(const char *id)
{
	struct published	 key;

	memset(&key, 0, sizeof(key));
	strlcpy(key.p.id, id, sizeof(key.p.id));
	return (RB_FIND(published_table, &table, &key));
}

/*
 * Whoever still holds a listening socket of these: from here on it does not
 * listen, so the port is free at once.
 */
static void
published_free(struct published *pub)
{
	struct publication_id	 msg;
	size_t			 i;
	int			 l;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.id, pub->p.id, sizeof(msg.id));
	for (i = 0; i < pub->nfds; i++) {
		if (pub->p.spec.proto == MUX_KIND_TCP)
			(void)shutdown(pub->fds[i], SHUT_RDWR);
		close(pub->fds[i]);
	}
	for (l = 0; l < PROC_INSTANCES_MAX; l++)
		(void)proc_send(listener_peer(l), IMSG_PORT_CLOSE, 0, -1,
		    &msg, sizeof(msg));
	RB_REMOVE(published_table, &table, pub);
	npublished--;
	nsockets -= pub->nfds;
	free(pub->fds);
	free(pub);
}

/* Would it take a port that relayd listens on itself? */
static int
publish_own(const struct publish_spec *spec)
{
	struct publish_spec	 own;
	struct listen_addr	*l;

	TAILQ_FOREACH(l, &rules->listens, entry) {
		memset(&own, 0, sizeof(own));
		own.proto = MUX_KIND_TCP;
		own.addr = l->ss;
		own.port_min = own.port_max =
		    addr_port((const struct sockaddr *)&l->ss);
		if (publish_spec_overlap(&own, spec))
			return (1);
	}
	return (0);
}

static uint32_t
publish_check(const struct publish *p, char *why, size_t size)
{
	struct published	*other;
	char			 text[CTL_SPEC_LEN];

	publish_spec_format(&p->spec, text);
	if (!publish_allowed(&rules->publish, p->email, &p->spec)) {
		snprintf(why, size, "relayd.conf does not let %.64s publish "
		    "%s", p->email, text);
		return (PUBLISH_DENIED);
	}
	if (publish_own(&p->spec)) {
		snprintf(why, size, "relayd itself listens on a port of %s",
		    text);
		return (PUBLISH_OWN);
	}
	RB_FOREACH(other, published_table, &table) {
		if (strcmp(other->p.id, p->id) != 0 &&
		    publish_spec_overlap(&other->p.spec, &p->spec)) {
			snprintf(why, size, "a port of %s is published "
			    "already", text);
			return (PUBLISH_FAILED);
		}
	}
	return (PUBLISH_OK);
}

/* Each socket takes two descriptors while it is on its way to a listener. */
static int
publish_room(const struct published *pub, char *why, size_t size)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || nsockets + 2 * pub->nfds <=
	    rl.rlim_cur - rl.rlim_cur / SOCKETS_PART)
		return (0);
	snprintf(why, size, "it takes %zu sockets: too many open files",
	    pub->nfds);
	return (-1);
}

/* Bind all of it, or nothing. */
static uint32_t
publish_open(struct published *pub, char *why, size_t size)
{
	const struct publish_spec	*spec = &pub->p.spec;
	struct sockaddr_storage		 ss;
	uint32_t			 code;
	char				 addr[ADDR_STRLEN];
	size_t				 n = 0, i;
	int				 type, one = 1, port, l;

	type = spec->proto == MUX_KIND_UDP ? SOCK_DGRAM : SOCK_STREAM;
	for (port = spec->port_min; port <= spec->port_max; port++) {
		publish_spec_addr(spec, port, &ss);
		if (listen_free(&ss, type) == -1)
			goto fail;
		for (l = 0; l < proc_count(PROC_LISTENER); l++) {
			if ((pub->fds[n] = listen_socket(&ss, type)) == -1)
				goto fail;
			/* Connections come with the option set. */
			if (type == SOCK_STREAM)
				(void)setsockopt(pub->fds[n], IPPROTO_TCP,
				    TCP_NODELAY, &one, sizeof(one));
			n++;
		}
	}
	return (PUBLISH_OK);
 fail:
	code = errno == EADDRINUSE ? PUBLISH_TAKEN : PUBLISH_FAILED;
	addr_format((const struct sockaddr *)&ss, addr);
	snprintf(why, size, code == PUBLISH_TAKEN ?
	    "%s is in use by another program" : "%s: %s", addr,
	    strerror(errno));
	for (i = 0; i < n; i++)
		close(pub->fds[i]);
	return (code);
}

/* A listener's sockets of it: all of them, or -1 with errno. */
static int
publish_send(const struct published *pub, int listener)
{
	struct proc_peer	*peer = listener_peer(listener);
	struct port_socket	 msg;
	size_t			 i;
	int			 fd;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.id, pub->p.id, sizeof(msg.id));
	msg.spec = pub->p.spec;
	msg.port = pub->p.spec.port_min;
	/* Those that drain accept nothing. */
	if (peer == NULL || proc_is_old(PROC_LISTENER, listener))
		return (0);
	for (i = listener_slot(listener); i < pub->nfds;
	    i += proc_count(PROC_LISTENER)) {
		listen_again(pub->fds[i]);
		/* Who comes to one that nobody accepts on waits for ever. */
		if ((fd = dup(pub->fds[i])) == -1)
			return (-1);
		(void)proc_send(peer, IMSG_PORT_SOCKET, 0, fd, &msg,
		    sizeof(msg));
		msg.port++;
	}
	return (0);
}

/* Not whole: closed, until router asks for it again. */
static void
publish_lost(struct published *pub)
{
	publish_answer(pub->p.id, PUBLISH_FAILED, strerror(errno));
	published_free(pub);
}

/*
 * A new count of connections for all listeners: what one that died had taken
 * from the old one is free again, and the others take what they hold.
 */
static int
publish_slots(const struct published *pub)
{
	static char		 bytes[PUBLISH_CONNECTIONS_MAX];
	struct port_slots	 msg;
	struct proc_peer	*peer;
	uint32_t		 n = pub->p.connections;
	int			 fd, fds[2], l, ret = 0;

	if (n == 0)
		return (0);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return (-1);
	if (write(fds[1], bytes, n) != (ssize_t)n)
		ret = -1;
	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.id, pub->p.id, sizeof(msg.id));
	for (l = 0; ret == 0 && l < PROC_INSTANCES_MAX; l++) {
		if ((peer = listener_peer(l)) == NULL)
			continue;
		for (msg.end = 0; msg.end < 2; msg.end++) {
			if ((fd = dup(fds[msg.end])) == -1 ||
			    proc_send(peer, IMSG_PORT_SLOTS, 0, fd, &msg,
			    sizeof(msg)) == -1)
				ret = -1;
		}
	}
	close(fds[0]);
	close(fds[1]);
	return (ret);
}

static void
publish_answer(const char *id, uint32_t code, const char *text)
{
	struct publish_result	 res;

	memset(&res, 0, sizeof(res));
	strlcpy(res.id, id, sizeof(res.id));
	res.code = code;
	strlcpy(res.text, text, sizeof(res.text));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PUBLISHED, 0, -1, &res,
	    sizeof(res));
}

/* ---- for the parent ---- */

void
publish_configure(const struct relayd_conf *new)
{
	struct published	*pub, *tmp;
	char			 text[CTL_SPEC_LEN];

	rules = new;
	RB_FOREACH_SAFE(pub, published_table, &table, tmp) {
		if (publish_allowed(&rules->publish, pub->p.email,
		    &pub->p.spec))
			continue;
		publish_spec_format(&pub->p.spec, text);
		log_info("%s of %s is no longer allowed: closed", text,
		    pub->p.email);
		publish_answer(pub->p.id, PUBLISH_DENIED,
		    "relayd.conf no longer allows it");
		published_free(pub);
	}
}

void
publish_listener(struct proc_peer *p)
{
	struct published	*pub, *tmp;

	RB_FOREACH_SAFE(pub, published_table, &table, tmp) {
		if (publish_send(pub, proc_peer_instance(p)) == -1) {
			publish_lost(pub);
			continue;
		}
		if (publish_slots(pub) == -1)
			log_warn("published port: its limit");
	}
}

void
publish_router(void)
{
	struct published	*pub;

	RB_FOREACH(pub, published_table, &table)
		pub->wanted = 0;
}

int
publish_recv_open(struct proc_peer *peer, struct imsg *imsg)
{
	struct published	*pub;
	struct publish		 p;
	uint32_t		 code;
	char			 why[CTL_TEXT_LEN] = "";
	int			 l;

	if (imsg_get_data(imsg, &p, sizeof(p)) == -1 ||
	    memchr(p.id, '\0', sizeof(p.id)) == NULL || p.id[0] == '\0' ||
	    memchr(p.email, '\0', sizeof(p.email)) == NULL ||
	    !publish_spec_valid(&p.spec) ||
	    p.connections > PUBLISH_CONNECTIONS_MAX)
		return (-1);
	if ((pub = published_find(p.id)) != NULL) {
		if (memcmp(&pub->p, &p, sizeof(p)) == 0) {
			pub->wanted = 1;
			publish_answer(p.id, PUBLISH_OK, "");
			return (0);
		}
		published_free(pub);
	}
	if ((code = publish_check(&p, why, sizeof(why))) != PUBLISH_OK) {
		publish_answer(p.id, code, why);
		return (0);
	}
	if (npublished >= PUBLISHED_MAX) {
		publish_answer(p.id, PUBLISH_FAILED,
		    "too many ports are published");
		return (0);
	}
	if ((pub = calloc(1, sizeof(*pub))) == NULL)
		fatal("publish");
	pub->p = p;
	pub->wanted = 1;
	pub->nfds = (size_t)(p.spec.port_max - p.spec.port_min + 1) *
	    proc_count(PROC_LISTENER);
	if ((pub->fds = calloc(pub->nfds, sizeof(int))) == NULL)
		fatal("publish");
	code = publish_room(pub, why, sizeof(why)) == -1 ? PUBLISH_FAILED :
	    publish_open(pub, why, sizeof(why));
	if (code != PUBLISH_OK) {
		free(pub->fds);
		free(pub);
		publish_answer(p.id, code, why);
		return (0);
	}
	RB_INSERT(published_table, &table, pub);
	npublished++;
	nsockets += pub->nfds;
	for (l = 0; l < PROC_INSTANCES_MAX; l++) {
		if (publish_send(pub, l) == -1) {
			publish_lost(pub);
			return (0);
		}
	}
	if (publish_slots(pub) == -1) {
		snprintf(why, sizeof(why), "no limit of %u connections: %s",
		    p.connections, strerror(errno));
		published_free(pub);
		publish_answer(p.id, PUBLISH_FAILED, why);
		return (0);
	}
	publish_answer(p.id, PUBLISH_OK, "");
	return (0);
}

int
publish_recv_close(struct proc_peer *peer, struct imsg *imsg)
{
	struct publication_id	 msg;
	struct published	*pub;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.id, '\0', sizeof(msg.id)) == NULL)
		return (-1);
	if ((pub = published_find(msg.id)) != NULL)
		published_free(pub);
	return (0);
}

int
publish_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct published	*pub, *tmp;
	struct conf_end		 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	RB_FOREACH_SAFE(pub, published_table, &table, tmp) {
		if (!pub->wanted)
			published_free(pub);
	}
	return (0);
}

/* ---- from one binary to the next ---- */

/* Read, and not yet in use: until we take over they are another's. */
static struct published_table	 restored = RB_INITIALIZER(&restored);

void
publish_save(struct state *st)
{
	const struct publish_spec	*spec;
	struct published		*pub;
	char				 host[ADDR_STRLEN];
	size_t				 i;

	RB_FOREACH(pub, published_table, &table) {
		spec = &pub->p.spec;
		state_begin(st, "published");
		state_text(st, pub->p.id);
		state_text(st, pub->p.email);
		state_text(st, addr_format_host(
		    (const struct sockaddr *)&spec->addr, host));
		state_number(st, spec->proto);
		state_number(st, spec->port_min);
		state_number(st, spec->port_max);
		state_number(st, pub->p.connections);
		state_number(st, pub->nfds);
		state_end(st);
		for (i = 0; i < pub->nfds; i++) {
			state_begin(st, "port");
			state_text(st, pub->p.id);
			state_number(st, i);
			proc_save_fd(st, pub->fds[i]);
			state_end(st);
		}
	}
}

static int
publish_restore_port(const struct state_line *line)
{
	struct published	 key, *pub;
	long long		 i;

	if (line->n < 3)
		return (-1);
	memset(&key, 0, sizeof(key));
	strlcpy(key.p.id, line->fields[0], sizeof(key.p.id));
	if ((pub = RB_FIND(published_table, &restored, &key)) == NULL ||
	    state_get(line, 1, 0, pub->nfds - 1, &i) == -1 ||
	    (pub->fds[i] = proc_restore_fd(line, 2)) == -1)
		return (-1);
	return (0);
}

int
publish_restore(const struct state_line *line)
{
	struct published	*pub;
	struct publish_spec	*spec;
	long long		 proto, min, max, connections, nfds;

	if (strcmp(line->name, "port") == 0)
		return (publish_restore_port(line));
	if ((pub = calloc(1, sizeof(*pub))) == NULL)
		fatal("publish");
	spec = &pub->p.spec;
	if (line->n < 8 || strlcpy(pub->p.id, line->fields[0],
	    sizeof(pub->p.id)) >= sizeof(pub->p.id) ||
	    strlcpy(pub->p.email, line->fields[1], sizeof(pub->p.email)) >=
	    sizeof(pub->p.email) ||
	    addr_parse(line->fields[2], NULL, &spec->addr) == -1 ||
	    state_get(line, 3, 1, UINT16_MAX, &proto) == -1 ||
	    state_get(line, 4, 1, UINT16_MAX, &min) == -1 ||
	    state_get(line, 5, min, UINT16_MAX, &max) == -1 ||
	    state_get(line, 6, 0, PUBLISH_CONNECTIONS_MAX, &connections) ==
	    -1 || state_get(line, 7, max - min + 1, (max - min + 1) *
	    PREFORK_MAX, &nfds) == -1) {
		free(pub);
		return (-1);
	}
	spec->proto = proto;
	spec->port_min = min;
	spec->port_max = max;
	pub->p.connections = connections;
	pub->nfds = nfds;
	if ((pub->fds = calloc(nfds, sizeof(int))) == NULL)
		fatal("publish");
	memset(pub->fds, 0xff, nfds * sizeof(int));	/* -1 */
	if (RB_INSERT(published_table, &restored, pub) != NULL) {
		free(pub->fds);
		free(pub);
		return (-1);
	}
	return (0);
}

void
publish_adopt(int tell)
{
	struct published	*pub;
	int			 l;

	while ((pub = RB_MIN(published_table, &restored)) != NULL) {
		RB_REMOVE(published_table, &restored, pub);
		RB_INSERT(published_table, &table, pub);
		npublished++;
		nsockets += pub->nfds;
		/* The new router says which of them it wants. */
		pub->wanted = !tell;
		for (l = 0; tell && l < PROC_INSTANCES_MAX; l++) {
			if (publish_send(pub, l) == -1) {
				publish_lost(pub);
				break;
			}
		}
	}
	/* What the configuration no longer allows is closed only now. */
	publish_configure(rules);
}

/* The visitors of listeners that drain count, too. */
void
publish_joined(void)
{
	struct published	*pub;

	RB_FOREACH(pub, published_table, &table)
		if (publish_slots(pub) == -1)
			log_warn("published port: its limit");
}
