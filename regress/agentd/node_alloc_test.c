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
 * A device without memory: while tunnel logs in at a relay and serves its
 * streams, and proxy connects to whatever a stream asks for, each allocation
 * fails in turn; and each read and write of tunnel.  It may end then, in
 * order; if it does not, whoever asked for something is told, and it serves
 * on.
 */

/* link: regress/lib/far_link.c regress/lib/flood.c regress/lib/nth_alloc.c
 * regress/lib/nth_each.c regress/lib/nth_fail.c
 * agentd/[a-z]*.c agentd/parse.y libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson qrencode */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=getaddrinfo
 *	-Wl,--wrap=asprintf,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
 *	-Wl,--wrap=recv,--wrap=send,--wrap=read,--wrap=write
 *	-Wl,--wrap=readv,--wrap=writev,--wrap=recvmsg,--wrap=sendmsg */

#include "compat.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <imsg.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/far_link.h"
#include "../lib/flood.h"
#include "../lib/nth_each.h"
#include "../lib/nth_fail.h"
#include "agentd.h"
#include "proc_internal.h"

#define NOBODYS_PORT	1		/* refused */
#define TARGETS		16
#define PATIENCE_MS	20000

int	 __real_main(int, char **);
int	 __wrap_main(int, char **);
int	 __wrap_proc_parent(const struct proc_daemon *,
	    const struct proc_options *);
int	 __wrap_getaddrinfo(const char *, const char *,
	    const struct addrinfo *, struct addrinfo **);
int	 __real_getaddrinfo(const char *, const char *,
	    const struct addrinfo *, struct addrinfo **);

static const struct proc_daemon	*agentd;
static char			 dir[] = "/tmp/node_alloc.XXXXXX";

/* No name is asked for anywhere but here. */
int
__wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	struct addrinfo	 h = *hints;

	h.ai_flags |= AI_NUMERICHOST;
	return (__real_getaddrinfo(host, service, &h, res));
}

static void
tell(int kind, uint32_t type, uint32_t id, int fd, const void *data,
    size_t len)
{
	if (flood_say(kind, 0, type, id, fd, data, len) == -1)
		errx(2, "message %u is refused", type);
}

static void
conf_say(uint32_t type, const void *data, size_t len)
{
	tell(PROC_PARENT, type, 0, -1, data, len);
}

/* ---- tunnel: proxy, the parent, a relay and targets are played ---- */

static struct far_link	 relay = { .fd = -1 };
static int		 relay_fd = -1;		/* before it is a link */
static char		 head[4096];
static size_t		 head_len;
static int		 targets[TARGETS];	/* -1: none */

static void
connected(int kind, uint32_t id, uint32_t what, int *ours)
{
	struct connected	 c = { 0 };
	int			 sv[2];

	if (socketpair(AF_UNIX, SOCK_NONBLOCK | SOCK_CLOEXEC |
	    (what == MUX_KIND_UDP ? SOCK_DGRAM : SOCK_STREAM), 0, sv) == -1)
		err(2, "socketpair");
	if (what == MUX_KIND_HTTP) {
		c.prologue[0] = 1;
		c.prologue_len = 2;
	}
	*ours = sv[0];
	tell(kind, IMSG_CONNECTED, id, sv[1], &c, sizeof(c));
	close(sv[1]);
}

static void
target(int kind, struct imsg *imsg)
{
	struct connect_failed	 no = { .code = MUX_CODE_REFUSED };
	struct connect_target	 c;
	int			 i;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		errx(2, "a target");
	for (i = 0; i < TARGETS - 1 && targets[i] != -1; i++)
		;
	if (targets[i] != -1)
		close(targets[i]);
	targets[i] = -1;
	if (c.port == NOBODYS_PORT)
		tell(kind, IMSG_CONNECT_FAILED, imsg_get_id(imsg), -1, &no,
		    sizeof(no));
	else
		connected(kind, imsg_get_id(imsg), c.kind, &targets[i]);
}

static void
dialled(int kind, uint32_t id)
{
	far_close(&relay);
	if (relay_fd != -1)
		close(relay_fd);
	relay_fd = -1;
	head_len = 0;
	connected(kind, id, 0, &relay_fd);
}

static int
robot_turn(int kind)
{
	struct sign_answer	 sig = { .ok = 1 };
	struct imsg		 imsg;
	int			 moved = 0;

	while (proc_peer(kind, 0) != NULL &&
	    flood_next(kind, 0, &imsg) == 1) {
		moved = 1;
		switch (imsg_get_type(&imsg)) {
		case IMSG_DIAL:
			dialled(kind, imsg_get_id(&imsg));
			break;
		case IMSG_SIGN:
			tell(kind, IMSG_SIGNED, 0, -1, &sig, sizeof(sig));
			break;
		case IMSG_CONNECT:
		case IMSG_UNIX:
			target(kind, &imsg);
			break;
		}
		imsg_free(&imsg);
	}
	return (moved);
}

/* Who has not signed gets a nonce, who has the link. */
static void
relay_answer(void)
{
	static const char	 no[] = "HTTP/1.1 401 Unauthorized\r\n"
				    "WWW-Authenticate: Culvert "
				    "nonce=\"bm9uY2U\"\r\n"
				    "Content-Length: 0\r\n\r\n";
	char			 yes[512], said[WS_ACCEPT_LEN + 1], *key;
	int			 fd, n;

	head_len = 0;
	if (strstr(head, "\r\nAuthorization: Culvert ") == NULL) {
		(void)!write(relay_fd, no, sizeof(no) - 1);
		return;
	}
	if ((key = strstr(head, "Sec-WebSocket-Key: ")) == NULL)
		errx(2, "no key: %s", head);
	key += strlen("Sec-WebSocket-Key: ");
	key[WS_KEY_LEN] = '\0';
	ws_accept(key, said);
	n = snprintf(yes, sizeof(yes), "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "Sec-WebSocket-Protocol: " MUX_PROTOCOL "\r\n\r\n", said);
	(void)!write(relay_fd, yes, n);
	fd = relay_fd;
	relay_fd = -1;
	far_on(&relay, fd, WS_SERVER);
}

static int
relay_turn(void)
{
	ssize_t	 n;

	if (relay_fd == -1)
		return (far_turn(&relay));
	n = read(relay_fd, head + head_len, sizeof(head) - 1 - head_len);
	if (n == -1 && errno == EAGAIN)
		return (0);
	if (n <= 0) {
		close(relay_fd);
		relay_fd = -1;
		return (1);
	}
	head[head_len += n] = '\0';
	if (strstr(head, "\r\n\r\n") != NULL)
		relay_answer();
	return (1);
}

static int
targets_turn(void)
{
	char	 buf[4096];
	ssize_t	 n;
	int	 i, moved = 0;

	for (i = 0; i < TARGETS; i++) {
		if (targets[i] == -1 || ((n = read(targets[i], buf,
		    sizeof(buf))) == -1 && errno == EAGAIN))
			continue;
		moved = 1;
		if (n > 0 && send(targets[i], buf, n, MSG_NOSIGNAL) == n)
			continue;
		close(targets[i]);
		targets[i] = -1;
	}
	return (moved);
}

static void
tunnel_run(void)
{
	int	 idle, moved;

	for (idle = 0; idle < 4; idle = moved ? 0 : idle + 1) {
		flood_run();
		moved = robot_turn(PROC_PARENT);
		moved |= robot_turn(PROC_PROXY);
		moved |= relay_turn();
		moved |= targets_turn();
	}
}

/* Attempts are some time apart. */
static int
tunnel_up(int ms)
{
	for (; ms > 0; ms -= 2) {
		tunnel_run();
		if (relay.fd != -1)
			return (0);
		usleep(2000);
	}
	return (-1);
}

static void
tunnel_begin(void)
{
	static struct conf_begin begin;
	static struct conf_relay r;
	struct conf_end		 end = { 0 };
	int			 i;

	for (i = 0; i < TARGETS; i++)
		targets[i] = -1;
	far_run = tunnel_run;
	flood_become(agentd, PROC_TUNNEL);
	flood_join(PROC_PARENT, 0);
	strlcpy(begin.name, "pi", sizeof(begin.name));
	strlcpy(begin.token_id, "abcdefghijkl", sizeof(begin.token_id));
	begin.epoch = 1;
	begin.ping_ms = 15000;
	begin.streams_max = 100;
	strlcpy(r.url.host, "127.0.0.1", sizeof(r.url.host));
	r.url.port = 4433;
	r.url.loopback = 1;
	conf_say(IMSG_CONF_BEGIN, &begin, sizeof(begin));
	conf_say(IMSG_CONF_RELAY, &r, sizeof(r));
	conf_say(IMSG_CONF_END, &end, sizeof(end));
	tunnel_start();
	tunnel_serve();
	flood_join(PROC_PROXY, 0);
}

static void
streams(void)
{
	static const struct {
		uint8_t		 kind;
		const char	*host;
		uint16_t	 port;
	} kinds[] = {
		{ MUX_KIND_TCP, "127.0.0.1", 22 },
		{ MUX_KIND_UDP, "127.0.0.1", 53 }, { MUX_KIND_HTTP, "", 0 },
		{ MUX_KIND_TCP, "a", NOBODYS_PORT },
		{ MUX_KIND_UNIX, "/run/a", 0 }, { MUX_KIND_TLS, "web", 0 },
		{ MUX_KIND_SSH, "a", 0 }
	};
	uint32_t	 had;
	size_t		 i;

	for (i = 0; i < nitems(kinds) && relay.fd != -1; i++) {
		had = relay.accepted + relay.reset;
		(void)far_stream(&relay, kinds[i].kind, "pi", kinds[i].host,
		    kinds[i].port, 0, "hello", 5);
		/* An answer, or the end of the link. */
		if (relay.fd != -1 && relay.accepted + relay.reset == had)
			errx(2, "a stream of kind %u waits", kinds[i].kind);
	}
}

static void
tunnel(void)
{
	struct mux_goaway	 away = { .delay = 1 };
	uint8_t			 buf[MUX_CONTROL_MAX];

	tunnel_begin();
	nth_begin();
	if (tunnel_up(3000) == 0) {
		streams();
		if (nth_harmless() && (relay.accepted != 5 ||
		    relay.reset != 2))
			errx(2, "without a fault: %u accepted, %u not",
			    relay.accepted, relay.reset);
		/* The next link comes before this one goes. */
		far_frame(&relay, MUX_CONTROL, 0, 0, buf, mux_goaway_put(buf,
		    sizeof(buf), &away));
		tunnel_run();
	}
	nth_end();
	far_close(&relay);
	if (tunnel_up(PATIENCE_MS) == -1)
		errx(2, "no link");
	far_stream(&relay, MUX_KIND_TCP, "pi", "127.0.0.1", 22, 0, "hello",
	    5);
	if (relay.bytes != 5 || relay.fins != 1)
		errx(2, "no stream: %u bytes, %u ends, %u reset", relay.bytes,
		    relay.fins, relay.reset);
}

/* ---- proxy: tunnel and the parent are played ---- */

static int	 open_port, udp_port;
static uint32_t	 asked;

static void
listen_on(int type, int *port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, type | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 100) == -1) ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(2, "listen");
	*port = ntohs(sin.sin_port);
}

static void
proxy_conf(void)
{
	static struct conf_begin begin;
	static struct conf_relay r;
	static struct backend	 b;
	static struct rule	 rule;
	struct conf_end		 end = { 0 };

	memset(&b, 0, sizeof(b));
	conf_say(IMSG_CONF_BEGIN, &begin, sizeof(begin));
	strlcpy(r.url.host, "127.0.0.1", sizeof(r.url.host));
	r.url.port = open_port;
	conf_say(IMSG_CONF_RELAY, &r, sizeof(r));
	rule.action = RULE_BLOCK;
	rule.what = RULE_ANY;
	rule.port_max = 65535;
	conf_say(IMSG_CONF_RULE, &rule, sizeof(rule));
	rule.action = RULE_PASS;
	rule.what = RULE_LOOPBACK;
	conf_say(IMSG_CONF_RULE, &rule, sizeof(rule));
	b.kind = MUX_KIND_HTTP;
	b.url.scheme = BACKEND_HTTP;
	strlcpy(b.url.host, "127.0.0.1", sizeof(b.url.host));
	b.url.port = open_port;
	conf_say(IMSG_CONF_BACKEND, &b, sizeof(b));
	b.url.scheme = BACKEND_UNIX;
	b.url.port = 0;
	strlcpy(b.url.host, "/nowhere/www.sock", sizeof(b.url.host));
	strlcpy(b.name, "www", sizeof(b.name));
	conf_say(IMSG_CONF_BACKEND, &b, sizeof(b));
	conf_say(IMSG_CONF_END, &end, sizeof(end));
}

/* The parent says no to paths; tunnel hears what comes of its questions. */
static int
proxy_turn(uint32_t id)
{
	struct connect_failed	 no = { .code = MUX_CODE_DENIED };
	struct imsg		 imsg;
	uint32_t		 type;
	int			 fd, done = 0;

	flood_run();
	while (flood_next(PROC_PARENT, 0, &imsg) == 1) {
		if (imsg_get_type(&imsg) == IMSG_BACKEND_UNIX)
			tell(PROC_PARENT, IMSG_CONNECT_FAILED,
			    imsg_get_id(&imsg), -1, &no, sizeof(no));
		imsg_free(&imsg);
	}
	while (flood_next(PROC_TUNNEL, 0, &imsg) == 1) {
		type = imsg_get_type(&imsg);
		if (type == IMSG_CONNECTED && (fd = imsg_get_fd(&imsg)) != -1)
			close(fd);
		if (imsg_get_id(&imsg) == id && (type == IMSG_CONNECTED ||
		    type == IMSG_CONNECT_FAILED))
			done = type == IMSG_CONNECTED ? 1 : -1;
		imsg_free(&imsg);
	}
	return (done);
}

static int
proxy_answers(uint32_t id)
{
	int	 done, ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if ((done = proxy_turn(id)) != 0)
			return (done);
		usleep(ms < 20 ? 50 : 1000);
	}
	errx(2, "question %u is not answered", id);
}

static int
connects(uint32_t kind, const char *host, uint16_t port)
{
	struct connect_target	 c;

	memset(&c, 0, sizeof(c));
	c.kind = kind;
	c.port = port;
	strlcpy(c.host, host, sizeof(c.host));
	strlcpy(c.client, "192.0.2.1:7", sizeof(c.client));
	tell(PROC_TUNNEL, IMSG_CONNECT, ++asked, -1, &c, sizeof(c));
	return (proxy_answers(asked));
}

static void
proxy(void)
{
	struct dial_relay	 d = { 0 };
	struct conf_end		 end = { 0 };
	int			 n = 0;

	listen_on(SOCK_STREAM, &open_port);
	listen_on(SOCK_DGRAM, &udp_port);
	flood_become(agentd, PROC_PROXY);
	flood_join(PROC_PARENT, 0);
	proxy_conf();
	proxy_start();
	proxy_serve();
	flood_join(PROC_TUNNEL, 0);
	nth_begin();
	tell(PROC_TUNNEL, IMSG_DIAL, ++asked, -1, &d, sizeof(d));
	n += proxy_answers(asked);
	n += connects(MUX_KIND_TCP, "127.0.0.1", open_port);
	n += connects(MUX_KIND_UDP, "127.0.0.1", udp_port);
	n += connects(MUX_KIND_HTTP, "", 0);
	n += connects(MUX_KIND_TCP, "127.0.0.1", NOBODYS_PORT);
	if (connects(MUX_KIND_TCP, "192.0.2.1", 22) == 1)
		errx(2, "the rules are not kept");
	n += connects(MUX_KIND_TCP, "no.such.name", 22);
	n += connects(MUX_KIND_HTTP, "www", 0);
	n += connects(MUX_KIND_HTTP, "none", 0);
	n += connects(MUX_KIND_TLS, "none", 0);
	tell(PROC_TUNNEL, IMSG_CANCEL, asked + 7, -1, &end, sizeof(end));
	proxy_conf();
	if (nth_harmless() && n != 4 - 5)
		errx(2, "without a fault: %d", n);
	nth_end();
	if (connects(MUX_KIND_TCP, "127.0.0.1", open_port) != 1)
		errx(2, "it does not connect");
	if (connects(MUX_KIND_HTTP, "", 0) != 1)
		errx(2, "it does not connect to the backend");
}

/* ---- */

#define NTH_TEST(name, what, least)					\
	static void							\
	name##_##what(void **state)					\
	{								\
		nth_what = what;					\
		assert_true(nth_each(name) > least);			\
	}

NTH_TEST(tunnel, NTH_ALLOC, 20)
NTH_TEST(tunnel, NTH_IO, 10)
NTH_TEST(tunnel, NTH_SHORT, 10)
NTH_TEST(proxy, NTH_ALLOC, 20)

/* The daemon has read its configuration and would start its children. */
int
__wrap_proc_parent(const struct proc_daemon *d,
    const struct proc_options *opts)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(tunnel_NTH_ALLOC),
		cmocka_unit_test(tunnel_NTH_IO),
		cmocka_unit_test(tunnel_NTH_SHORT),
		cmocka_unit_test(proxy_NTH_ALLOC),
	};

	agentd = d;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
__wrap_main(int argc, char **argv)
{
	char		 file[64], cmd[128], secret[TOKEN_LEN + 1];
	char		*args[] = { argv[0], strdup("-d"), strdup("-f"), file,
			    NULL };
	struct token	 token;
	FILE		*f;
	int		 ret;

	if (mkdtemp(dir) == NULL)
		err(2, "%s", dir);
	snprintf(file, sizeof(file), "%s/agentd.conf", dir);
	if ((f = fopen(file, "w")) == NULL || fchmod(fileno(f), 0600) == -1)
		err(2, "%s", file);
	token_make(&token);
	token_format(&token, secret);
	fprintf(f, "relay \"ws://127.0.0.1:4433\"\nname \"pi\"\n"
	    "token \"%s\"\ncontrol none\n", secret);
	fclose(f);
	ret = __real_main(4, args);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		ret = 1;
	return (ret);
}
