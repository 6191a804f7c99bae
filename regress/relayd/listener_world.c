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

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/flood.h"
#include "listener_robot.h"
#include "listener_world.h"
#include "msg_conf.h"
#include "msg_login.h"
#include "msg_publish.h"
#include "parent.h"
#include "token.h"

#define IDLE_TURNS	4
#define TURNS_MAX	2000

int		 world_port, world_published, world_udp;
struct far_link	 world_node = { .fd = -1 }, world_user = { .fd = -1 },
		 world_peer = { .fd = -1 };
uint32_t	 world_silent;
struct client	 world_said;
char		 world_token[TOKEN_LEN + 1], world_stranger[TOKEN_LEN + 1];

static struct far_link *const fars[] = {
	&world_node, &world_user, &world_peer
};

/* ---- links ---- */

int
far_begin(struct far_link *l, const char *path, const char *token,
    const char *fields)
{
	static struct client	 c;
	char			 text[2048];
	char			*end;

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: "
	    WORLD_DOMAIN "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	    "Sec-WebSocket-Protocol: " MUX_PROTOCOL "\r\n"
	    "Authorization: Bearer %s\r\n%s\r\n", path, token, fields);
	client_begin(&c, world_port);
	(void)client_say(&c, text);
	if (strncmp(c.text, "HTTP/1.1 101", 12) != 0 ||
	    (end = strstr(c.text, "\r\n\r\n")) == NULL) {
		client_end(&c);
		return (-1);
	}
	far_on(l, c.fd, WS_CLIENT);
	if (l->fd == -1)
		return (-1);
	end += 4;
	l->len = c.len - (end - c.text);
	memcpy(l->buf, end, l->len);
	world_run();
	return (0);
}

/* ---- clients ---- */

void
client_begin(struct client *c, int port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 on = 1;

	memset(c, 0, sizeof(*c));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ==
	    -1 || fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		err(2, "connect");
}

static int
client_turn(struct client *c)
{
	ssize_t	 n;

	if (c->eof || c->len >= sizeof(c->text) - 1)
		return (0);
	n = read(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len);
	if (n == -1 && errno == EAGAIN)
		return (0);
	if (n <= 0)
		c->eof = 1;
	else
		c->len += n;
	c->text[c->len] = '\0';
	return (1);
}

int
client_say(struct client *c, const char *text)
{
	size_t	 len = strlen(text), had = c->len;
	int	 i;

	/* It may be closed already. */
	if (len > 0 && send(c->fd, text, len, MSG_NOSIGNAL) == -1)
		c->eof = 1;
	for (i = 0; i < 4; i++) {
		world_run();
		while (client_turn(c))
			world_run();
	}
	if (c->len == had && !c->eof) {
		world_silent++;
		return (0);
	}
	return (1);
}

void
client_end(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	world_run();
}

int
world_ask(const char *request)
{
	int	 status = 0;

	client_begin(&world_said, world_port);
	(void)client_say(&world_said, request);
	client_end(&world_said);
	(void)sscanf(world_said.text, "HTTP/1.1 %d", &status);
	return (status);
}

/* ---- all of it ---- */

void
world_run(void)
{
	size_t	 i;
	int	 idle, moved, turns = 0;

	for (idle = 0; idle < IDLE_TURNS; idle = moved ? 0 : idle + 1) {
		if (++turns > TURNS_MAX)
			errx(2, "it goes round and round");
		flood_run();
		moved = robot_turn();
		for (i = 0; i < nitems(fars); i++)
			moved |= far_turn(fars[i]);
	}
}

void
world_again(int kind)
{
	flood_join(kind, 0);
	world_run();
}

void
world_say(int kind, uint32_t type, uint32_t id, int fd, const void *data,
    size_t len)
{
	if (flood_say(kind, 0, type, id, fd, data, len) == -1)
		errx(2, "message %u is refused", type);
	world_run();
}

static int
listen_on(int type, int *port, struct sockaddr_storage *ss)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)ss;
	socklen_t		 len = sizeof(*sin);
	int			 fd;

	memset(ss, 0, sizeof(*ss));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) ==
	    -1 || bind(fd, (struct sockaddr *)sin, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 100) == -1) ||
	    getsockname(fd, (struct sockaddr *)sin, &len) == -1)
		err(2, "listen");
	*port = ntohs(sin->sin_port);
	return (fd);
}

static void
world_publish(const char *id, int type, int *number)
{
	struct port_socket	 s;
	struct port		 p;
	int			 fd;

	memset(&s, 0, sizeof(s));
	memset(&p, 0, sizeof(p));
	strlcpy(s.id, id, sizeof(s.id));
	fd = listen_on(type, number, &s.spec.addr);
	((struct sockaddr_in *)&s.spec.addr)->sin_port = 0;
	s.spec.proto = type == SOCK_STREAM ? MUX_KIND_TCP : MUX_KIND_UDP;
	s.spec.port_min = s.spec.port_max = s.port = *number;
	world_say(PROC_PARENT, IMSG_PORT_SOCKET, 0, fd, &s, sizeof(s));
	close(fd);
	p.session = 9000 + type;
	strlcpy(p.p.id, id, sizeof(p.p.id));
	strlcpy(p.p.email, "me@example.org", sizeof(p.p.email));
	strlcpy(p.p.node, "pi", sizeof(p.p.node));
	strlcpy(p.p.host, "127.0.0.1", sizeof(p.p.host));
	p.p.port = 22;
	p.p.spec = s.spec;
	p.p.proxy = type == SOCK_STREAM;
	world_say(PROC_ROUTER, IMSG_PORT, 0, -1, &p, sizeof(p));
}

static void
world_conf(void)
{
	struct conf_begin	 begin;
	struct conf_network	 net;
	struct conf_listen	 l;
	struct conf_end		 end = { 0 };
	int			 fd;

	memset(&begin, 0, sizeof(begin));
	begin.limits = conf->limits;
	begin.rpc = conf->rpc;
	begin.rpc.nodes = RPC_NODES_ANY;
	strlcpy(begin.domain, WORLD_DOMAIN, sizeof(begin.domain));
	begin.prefork = 2;
	memset(&l, 0, sizeof(l));
	fd = listen_on(SOCK_STREAM, &world_port, &l.ss);
	world_say(PROC_PARENT, IMSG_CONF_BEGIN, 0, -1, &begin, sizeof(begin));
	world_say(PROC_PARENT, IMSG_CONF_LISTEN, 0, fd, &l, sizeof(l));
	memset(&net, 0, sizeof(net));
	net.what = NETWORK_MONITOR;
	if (addr_prefix_parse("127.0.0.1", &net.prefix) == -1)
		errx(2, "no network");
	world_say(PROC_PARENT, IMSG_CONF_NETWORK, 0, -1, &net, sizeof(net));
	world_say(PROC_PARENT, IMSG_CONF_END, 0, -1, &end, sizeof(end));
	close(fd);
}

void
world_begin(void)
{
	struct conf_serve	 serve = { 0 };
	struct listener_link	 link = { .peer = 1 };
	struct login_beacon	 beacon = { "as auth says" };
	struct token		 t;
	int			 sv[2];

	far_run = world_run;
	token_make(&t);
	token_format(&t, world_token);
	robot_knows(&t);
	token_make(&t);
	token_format(&t, world_stranger);
	flood_become(&relayd_daemon, PROC_LISTENER);
	flood_join(PROC_PARENT, 0);
	listener_start();
	world_conf();
	listener_serve();
	flood_join(PROC_AUTH, 0);
	flood_join(PROC_ROUTER, 0);
	world_say(PROC_PARENT, IMSG_CONF_SERVE, 0, -1, &serve, sizeof(serve));
	world_say(PROC_AUTH, IMSG_LOGIN_BEACON, 0, -1, &beacon,
	    sizeof(beacon));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1)
		err(2, "socketpair");
	far_on(&world_peer, sv[0], WS_INTERNAL);
	world_say(PROC_PARENT, IMSG_LISTENER_LINK, 0, sv[1], &link,
	    sizeof(link));
	close(sv[1]);
	world_publish("tcp", SOCK_STREAM, &world_published);
	world_publish("udp", SOCK_DGRAM, &world_udp);
	if (far_begin(&world_node, "/api/nodes/ws", world_token,
	    "Culvert-Node: pi\r\n") == -1)
		errx(2, "no link of a node");
}

void
world_end(void)
{
	size_t	 i;

	for (i = 0; i < nitems(fars); i++)
		far_close(fars[i]);
	world_run();
}
