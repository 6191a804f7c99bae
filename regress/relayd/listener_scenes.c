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

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/nth_fail.h"
#include "listener.h"
#include "listener_scenes.h"
#include "listener_world.h"
#include "msg_list.h"
#include "pairing.h"

#define HOST		"Host: " WORLD_DOMAIN "\r\n"
#define LAST		"Connection: close\r\n\r\n"
#define SITE(s)		"Host: " s "." WORLD_DOMAIN "\r\n"
#define SECRET		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define UPGRADE		"Upgrade: websocket\r\nConnection: Upgrade\r\n"	\
			"Sec-WebSocket-Version: 13\r\n"			\
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

static char	 odd[200];	/* what is not so, and may be by a fault */

/* As it is without a fault. */
static void
wants(int status, int want)
{
	if (status != want)
		snprintf(odd, sizeof(odd), "%d, not %d: %.150s", status, want,
		    world_said.text);
}

/* An answer may be cut, or say that it can't; but not another. */
static void
right(int status, const char *want)
{
	wants(status, 200);
	if (status == 200 && world_said.eof && strstr(world_said.text, want) ==
	    NULL)
		errx(2, "not \"%s\" but: %s", want, world_said.text);
}

static int
whole(const char *request, int status, const char *want)
{
	int	 st = world_ask(request);

	return (st == status && strstr(world_said.text, want) != NULL);
}

/* It still is there for others. */
static void
serves(void)
{
	int	 i;

	world_node.lazy = 0;
	if (world_node.fd == -1 && far_begin(&world_node, "/api/nodes/ws",
	    world_token, "Culvert-Node: pi\r\n") == -1)
		errx(2, "no node comes in");
	far_close(&world_user);
	if (far_begin(&world_user, "/api/access/ws", world_token, "") == -1)
		errx(2, "nobody comes in");
	far_stream(&world_user, MUX_KIND_TCP, "pi", "127.0.0.1", 22, 0,
	    "hello", 5);
	/* A limit may hold it up. */
	for (i = 0; i < 5000 && world_user.fins == 0; i++) {
		usleep(1000);
		world_run();
	}
	if (world_user.bytes != 5 || world_user.fins != 1)
		errx(2, "no stream: %u bytes, %u ends, %u accepted, %u reset",
		    world_user.bytes, world_user.fins, world_user.accepted,
		    world_user.reset);
	if (!whole("GET / HTTP/1.1\r\n" SITE("later") LAST, 200, "hello"))
		errx(2, "no page: %s", world_said.text);
	if (!whole("GET /health HTTP/1.1\r\n" HOST LAST, 200, "{"))
		errx(2, "not healthy: %s", world_said.text);
}

static void
scenario(void (*f)(void))
{
	struct conn	*c;
	int		 i;

	world_begin();
	nth_begin();
	f();
	if (nth_harmless() && odd[0] != '\0')
		errx(2, "without a fault: %s", odd);
	nth_end();
	serves();
	world_end();
	/* Who does not read to the end is given a moment. */
	for (i = 0; i < 5000 && !RB_EMPTY(&conns); i++) {
		usleep(1000);
		world_run();
	}
	RB_FOREACH(c, conn_table, &conns)
		errx(2, "a connection is left, in state %d", c->state);
	if (budget.used != 0)
		errx(2, "%llu bytes of credit are left",
		    (unsigned long long)budget.used);
}

/* ---- links and their streams ---- */

static void
links_come(void)
{
	struct ticket	 t;

	wants(world_ask("GET /api/nodes/ws HTTP/1.1\r\n" HOST UPGRADE
	    "Sec-WebSocket-Protocol: culvert.1\r\nCulvert-Node: pi\r\n"
	    "\r\n"), 401);
	if (far_begin(&world_user, "/api/access/ws", world_stranger, "") == 0)
		errx(2, "a stranger comes in");
	if (far_begin(&world_user, "/api/access/ws", world_token, "") == 0) {
		far_stream(&world_user, MUX_KIND_TCP, "pi", "127.0.0.1", 22,
		    0, "hello", 5);
		far_stream(&world_user, MUX_KIND_UDP, "pi", "127.0.0.1", 53,
		    0, "hello", 5);
		far_stream(&world_user, MUX_KIND_TCP, "pa", "127.0.0.1", 22,
		    0, "hello", 5);
		far_stream(&world_user, MUX_KIND_TCP, "po", "127.0.0.1", 22,
		    0, "hello", 5);
		far_stream(&world_user, MUX_KIND_TCP, "nowhere", "a", 1, 0,
		    "", 0);
		far_stream(&world_user, MUX_KIND_API, "", "nodes", 0, 0, "",
		    0);
		if (world_user.bytes > 5 * 4 + 1000)
			errx(2, "%u bytes", world_user.bytes);
	}
	memset(&t, 0, sizeof(t));
	t.ticket = 4242;
	t.from = 1;
	t.conn = world_node_conn;
	t.session = world_node_session;
	world_say(PROC_ROUTER, IMSG_TICKET, 0, -1, &t, sizeof(t));
	far_stream(&world_peer, MUX_KIND_TCP, "", "127.0.0.1", 22, t.ticket,
	    "hello", 5);
	far_stream(&world_peer, MUX_KIND_UDP, "", "127.0.0.1", 22, t.ticket,
	    "hello", 5);
}

void
scene_links(void)
{
	scenario(links_come);
}

/* What is open is counted, looked at, and ended by others. */
static void
ends_come(void)
{
	struct stream_kill	 kill;
	struct link_kill	 end;
	struct ctl_id		 id;
	struct memory_page	 page;
	struct revoke		 r;
	struct stream_record	*rec;
	uint32_t		 conn = 0;
	struct conn		*c;

	world_node.lazy = 1;
	if (far_begin(&world_user, "/api/access/ws", world_token, "") == -1)
		return;
	far_stream(&world_user, MUX_KIND_TCP, "pi", "a", 22, 0, "hello", 5);
	far_stream(&world_user, MUX_KIND_TCP, "po", "a", 22, 0, "hello", 5);
	far_stream(&world_user, MUX_KIND_TCP, "pa", "a", 22, 0, "hello", 5);
	memset(&id, 0, sizeof(id));
	world_say(PROC_ROUTER, IMSG_STATS_ASK, 0, -1, &id, sizeof(id));
	memset(&page, 0, sizeof(page));
	world_say(PROC_ROUTER, IMSG_MEMORY_ASK, 0, -1, &page, sizeof(page));
	world_say(PROC_ROUTER, IMSG_GRANTS_ASK, 0, -1, NULL, 0);
	memset(&r, 0, sizeof(r));
	r.what = REVOKE_GRANT;
	strlcpy(r.id, "0f7e0000-0000-4000-8000-000000000002", sizeof(r.id));
	world_say(PROC_ROUTER, IMSG_GRANT_END, 0, -1, &r, sizeof(r));
	if ((rec = record_after(0)) != NULL) {
		memset(&kill, 0, sizeof(kill));
		kill.id = rec->id;
		kill.code = MUX_CODE_KILLED;
		world_say(PROC_ROUTER, IMSG_STREAM_KILL, 0, -1, &kill,
		    sizeof(kill));
	}
	memset(&end, 0, sizeof(end));
	RB_FOREACH(c, conn_table, &conns) {
		if (c->session != NULL && c->door == DOOR_ACCESS) {
			end.session = c->session->session;
			conn = c->id;
		}
	}
	end.code = WS_CLOSE_POLICY;
	world_say(PROC_ROUTER, IMSG_LINK_KILL, conn, -1, &end, sizeof(end));
	far_close(&world_node);
	world_run();
}

void
scene_ends(void)
{
	scenario(ends_come);
}

/* Router and auth are started anew while all of it is open. */
static void
again_come(void)
{
	struct conf_end	 end = { 0 };
	struct client	 c;

	world_node.lazy = 1;
	client_begin(&c, world_published);
	(void)client_say(&c, "");
	if (far_begin(&world_user, "/api/access/ws", world_token, "") == 0) {
		far_stream(&world_user, MUX_KIND_TCP, "pi", "a", 22, 0,
		    "hello", 5);
		far_stream(&world_user, MUX_KIND_TCP, "po", "a", 22, 0,
		    "hello", 5);
	}
	world_again(PROC_AUTH);
	world_again(PROC_ROUTER);
	world_say(PROC_ROUTER, IMSG_PORTS_END, 0, -1, &end, sizeof(end));
	client_end(&c);
}

void
scene_again(void)
{
	scenario(again_come);
}

/* ---- published ports ---- */

static void
ports_come(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct client		 c;
	char			 buf[16];
	int			 fd;

	client_begin(&c, world_published);
	(void)client_say(&c, "hello");
	if (strstr(c.text, "hello") == NULL)
		strlcpy(odd, "a port does not say hello", sizeof(odd));
	shutdown(c.fd, SHUT_WR);
	(void)client_say(&c, "");
	client_end(&c);
	sin.sin_port = htons(world_udp);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_DGRAM, 0)) == -1 || connect(fd,
	    (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(2, "socket");
	(void)send(fd, "hello", 5, 0);
	world_run();
	if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 &&
	    memcmp(buf, "hello", 5) != 0)
		errx(2, "another datagram");
	close(fd);
}

void
scene_ports(void)
{
	scenario(ports_come);
}

/* ---- pages ---- */

static void
pages_come(void)
{
	struct client	 c;
	int		 st;

	right(world_ask("GET /a?b HTTP/1.1\r\n" SITE("pi") LAST), "hello");
	right(world_ask("POST /a HTTP/1.1\r\n" SITE("pi")
	    "Transfer-Encoding: chunked\r\n" LAST "5\r\nhello\r\n0\r\n\r\n"),
	    "hello");
	right(world_ask("GET / HTTP/1.0\r\n" SITE("pi") "\r\n"), "hello");
	wants(world_ask("GET / HTTP/1.1\r\n" SITE("none") LAST), 404);
	if ((st = world_ask("GET / HTTP/1.1\r\n" SITE("own--pi") LAST)) ==
	    200)
		errx(2, "a private page for anybody");
	wants(st, 401);
	if ((st = world_ask("GET / HTTP/1.1\r\n" SITE("own--pi")
	    "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n" LAST)) ==
	    200)
		errx(2, "a private page for anybody");
	wants(st, 303);
	right(world_ask("GET / HTTP/1.1\r\n" SITE("own--pi")
	    "Cookie: culvert-visit=" SECRET "; a=b\r\n" LAST), "hello");
	wants(world_ask("GET / HTTP/1.1\r\n" SITE("bare--pi") LAST), 401);
	right(world_ask("GET / HTTP/1.1\r\n" SITE("bare--pi")
	    "Authorization: Basic bWU6c2VjcmV0\r\n" LAST), "hello");
	(void)world_ask("GET / HTTP/1.1\r\n" SITE("pi") UPGRADE "\r\n");
	client_begin(&c, world_port);
	if (client_say(&c, "GET / HTTP/1.1\r\n" SITE("pi") "\r\n") && !c.eof)
		(void)client_say(&c, "GET / HTTP/1.1\r\n" SITE("pi") LAST);
	client_end(&c);
}

void
scene_pages(void)
{
	scenario(pages_come);
}

/* ---- the login page ---- */

static void
value_of(const char *name, const char *end, char *out, size_t size)
{
	const char	*p = strstr(world_said.text, name);

	out[0] = '\0';
	if (p != NULL && strcspn(p += strlen(name), end) < size)
		strlcpy(out, p, strcspn(p, end) + 1);
}

static void
login_post(const char *cookie, const char *mark, const char *password,
    int status)
{
	char	 body[512], text[2048];

	snprintf(body, sizeof(body), "mark=%s&email=me%%40example.org&"
	    "password=%s", mark, password);
	snprintf(text, sizeof(text), "POST /login HTTP/1.1\r\n" HOST
	    "Origin: http://" WORLD_DOMAIN "\r\nCookie: culvert-form=%s\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\n"
	    "Content-Length: %zu\r\n" LAST "%s", cookie, strlen(body), body);
	wants(world_ask(text), status);
}

static void
login_come(void)
{
	char	 cookie[128], mark[128];

	wants(world_ask("GET /login?to=http%3A%2F%2Fown--pi.relay.test%2F "
	    "HTTP/1.1\r\n" HOST LAST), 200);
	wants(world_ask("GET /login HTTP/1.1\r\n" HOST LAST), 200);
	value_of("culvert-form=", ";\r", cookie, sizeof(cookie));
	value_of("name=\"mark\" value=\"", "\"", mark, sizeof(mark));
	login_post(cookie, mark, "wrong", 403);
	login_post(cookie, mark, "right", 303);
	wants(world_ask("GET /login?to=http%3A%2F%2Fown--pi.relay.test%2F&"
	    "way=" SECRET " HTTP/1.1\r\n" HOST "Cookie: culvert=" SECRET
	    "\r\n" LAST), 303);
	wants(world_ask("GET /.culvert/enter?ticket=" SECRET "&to=/ "
	    "HTTP/1.1\r\n" SITE("own--pi") "Cookie: culvert-way=" SECRET
	    "\r\n" LAST), 303);
	wants(world_ask("GET /logout HTTP/1.1\r\n" HOST "Cookie: culvert="
	    SECRET "\r\n" LAST), 200);
	value_of("/logout?mark=", "\"", mark, sizeof(mark));
	wants(world_ask("GET /.culvert/logout HTTP/1.1\r\n" SITE("own--pi")
	    "Cookie: culvert-visit=" SECRET "\r\n" LAST), 200);
}

void
scene_login(void)
{
	scenario(login_come);
}

/* ---- the api ---- */

static void
api_come(void)
{
	static const struct {
		const char	*path;
		int		 status;
	} paths[] = {
		{ "/", 200 }, { "/health", 200 }, { "/version", 200 },
		{ "/stats", 200 }, { "/metrics", 200 }, { "/api/nodes", 200 },
		{ "/api/connections", 200 }, { "/api/nothing", 404 }
	};
	char	 text[1024];
	size_t	 i;

	for (i = 0; i < nitems(paths); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST
		    "Authorization: Bearer %s\r\n" LAST, paths[i].path,
		    world_token);
		wants(world_ask(text), paths[i].status);
	}
	wants(world_ask("GET /api/nodes HTTP/1.1\r\n" HOST LAST), 401);
	wants(world_ask("DELETE /health HTTP/1.1\r\n" HOST LAST), 405);
	wants(world_ask("nonsense\r\n\r\n"), 400);
}

void
scene_api(void)
{
	scenario(api_come);
}

/* ---- programs ---- */

static int
program(struct client *c, const char *path)
{
	char	 text[1024];

	client_begin(c, world_port);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST UPGRADE
	    "\r\n", path);
	(void)client_say(c, text);
	return (strncmp(c->text, "HTTP/1.1 101", 12) == 0 && !c->eof ? 0 :
	    -1);
}

static void
program_says(struct client *c, const char *json)
{
	uint8_t	 buf[600];
	size_t	 n;

	n = ws_head(buf, WS_TEXT, strlen(json), (const uint8_t *)"\0\0\0\0");
	memcpy(buf + n, json, strlen(json));
	(void)!send(c->fd, buf, n + strlen(json), MSG_NOSIGNAL);
	(void)client_say(c, "");
}

static void
programs_come(void)
{
	static struct client	 c, node;
	uint8_t			 offer[PAIRING_ASK_LEN], hash[32] = { 7 };
	int			 st;

	pairing_ask_put(offer, hash, 60);
	far_stream(&world_node, MUX_KIND_API, "", "pair", 0, 0,
	    (const char *)offer, sizeof(offer));
	st = world_ask("POST /api/pair HTTP/1.1\r\n" HOST
	    "Content-Type: application/json\r\nContent-Length: 21\r\n" LAST
	    "{\"code\": \"ABCD-EFGH\"}");
	if (st == 422)
		errx(2, "a good code is called none: %s", world_said.text);
	wants(st, 200);
	if (program(&c, "/ws/client?token=" SECRET) == 0) {
		program_says(&c, "{\"type\":\"http_proxy\",\"id\":\"1\","
		    "\"path\":\"/a\"}");
		program_says(&c, "{\"type\":\"http_proxy\",\"id\":\"2\","
		    "\"path\":\"/a\",\"method\":\"POST\",\"body_b64\":"
		    "\"aGVsbG8=\",\"headers\":{\"a\":\"b\"}}");
		program_says(&c, "{\"type\":\"nothing\"}");
		program_says(&c, "no json");
	}
	client_end(&c);
	if (program(&node, "/ws/node?name=old") == 0)
		program_says(&node, "{\"type\":\"pair_offer\",\"code\":"
		    "\"ABCD-EFGH\",\"ttl\":60}");
	client_end(&node);
}

void
scene_programs(void)
{
	scenario(programs_come);
}
