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
 * Children that somebody else owns: agentd's parent and its proxy, with
 * their own rules and the dispatcher itself, and messages of a tunnel, or of
 * a proxy, that are wrong in every way or right in form and with anything in
 * them.  Nothing is signed but this node's log-in at its own relay, and
 * nothing connected to that the rules do not name.
 */

/* link: regress/lib/flood.c agentd/[a-z]*.c agentd/parse.y libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson qrencode */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=connect
 *	-Wl,--wrap=getaddrinfo */

#include "compat.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

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

#include "../lib/flood.h"
#include "agentd.h"
#include "link_client.h"
#include "proc_internal.h"

#define MESSAGES	60000
#define RELAY_PORT	4433

int	 __real_main(int, char **);
int	 __wrap_main(int, char **);
int	 __wrap_proc_parent(const struct proc_daemon *,
	    const struct proc_options *);
int	 __wrap_connect(int, const struct sockaddr *, socklen_t);
int	 __wrap_getaddrinfo(const char *, const char *,
	    const struct addrinfo *, struct addrinfo **);
int	 __real_getaddrinfo(const char *, const char *,
	    const struct addrinfo *, struct addrinfo **);

static const struct proc_daemon	*agentd;
static char			 dir[] = "/tmp/hostile_child.XXXXXX";
static unsigned int		 connects;

/* Nothing leaves this process; what would is to be what the rules name. */
int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in	*sin = (const struct sockaddr_in *)sa;
	const struct sockaddr_un	*sun = (const struct sockaddr_un *)sa;
	char				 allowed[64];

	snprintf(allowed, sizeof(allowed), "%s/echo.sock", dir);
	switch (sa->sa_family) {
	case AF_UNIX:
		if (strcmp(sun->sun_path, allowed) != 0)
			errx(2, "connects to %s", sun->sun_path);
		break;
	case AF_INET:
		if (sin->sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
		    (ntohs(sin->sin_port) != 22 &&
		    ntohs(sin->sin_port) != RELAY_PORT))
			errx(2, "connects to port %u",
			    ntohs(sin->sin_port));
		break;
	default:
		errx(2, "connects to family %d", sa->sa_family);
	}
	connects++;
	errno = ECONNREFUSED;
	return (-1);
}

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
pick(uint32_t type, uint8_t *p, size_t len)
{
	struct sign_ask		*ask = (struct sign_ask *)p;
	struct connect_target	*c = (struct connect_target *)p;

	switch (type) {
	case IMSG_SIGN:
		strlcpy(ask->host, flood_some(2) ? "127.0.0.1" :
		    "other.test", sizeof(ask->host));
		strlcpy(ask->nonce, "bm9uY2U", sizeof(ask->nonce));
		strlcpy(ask->path, LINK_PATH_NODE, sizeof(ask->path));
		break;
	case IMSG_UNIX:
		c->kind = MUX_KIND_UNIX;
		if (flood_some(2))
			snprintf(c->host, sizeof(c->host), "%s/echo.sock",
			    dir);
		else
			strlcpy(c->host, "/etc/passwd", sizeof(c->host));
		break;
	case IMSG_CONNECT:
		c->kind = 1 + flood_some(5);
		c->port = flood_some(2) ? 22 : flood_some(4) ?
		    flood_some(65536) : 0;
		strlcpy(c->host, flood_some(2) ? "127.0.0.1" : flood_some(2) ?
		    "192.0.2.1" : "www", sizeof(c->host));
		break;
	case IMSG_BACKEND_UNIX:
		strlcpy((char *)p, "www", len);
		break;
	}
}

/* ---- the parent ---- */

/* It signs the log-in that it is there for, and no other. */
static void
parent_answers(void)
{
	struct sign_ask		 ask;
	struct sign_answer	 answer;

	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, "127.0.0.1", sizeof(ask.host));
	strlcpy(ask.nonce, "bm9uY2U", sizeof(ask.nonce));
	strlcpy(ask.path, LINK_PATH_NODE, sizeof(ask.path));
	flood_join(PROC_TUNNEL, 0);
	if (flood_say(PROC_TUNNEL, 0, IMSG_SIGN, 0, -1, &ask, sizeof(ask)) ==
	    -1 || !flood_took(PROC_TUNNEL, 0, IMSG_SIGNED, &answer,
	    sizeof(answer)) || !answer.ok)
		errx(2, "the parent does not sign");
	strlcpy(ask.host, "other.test", sizeof(ask.host));
	if (flood_say(PROC_TUNNEL, 0, IMSG_SIGN, 0, -1, &ask, sizeof(ask)) ==
	    -1 || !flood_took(PROC_TUNNEL, 0, IMSG_SIGNED, &answer,
	    sizeof(answer)) || answer.ok)
		errx(2, "the parent signs for another relay");
	if (connects == 0)
		errx(2, "nothing was connected to");
}

static void
children_to_parent(void)
{
	flood_become(agentd, PROC_PARENT);
	flood_join(PROC_PROXY, 0);
	flood(PROC_TUNNEL, 0, MESSAGES, pick);
	flood(PROC_PROXY, 0, MESSAGES / 4, pick);
	parent_answers();
}

/* ---- proxy ---- */

static void
proxy_begin(void)
{
	static struct conf_begin	 begin;
	static struct conf_relay	 relay;
	static struct backend		 b;
	static struct rule		 r;
	struct conf_end			 end = { 0 };

	flood_become(agentd, PROC_PROXY);
	flood_join(PROC_PARENT, 0);
	strlcpy(relay.url.host, "127.0.0.1", sizeof(relay.url.host));
	relay.url.port = RELAY_PORT;
	b.kind = MUX_KIND_HTTP;
	b.url.scheme = BACKEND_UNIX;
	strlcpy(b.url.host, "/nowhere/www.sock", sizeof(b.url.host));
	strlcpy(b.name, "www", sizeof(b.name));
	r.action = RULE_BLOCK;
	r.what = RULE_ANY;
	r.port_max = 65535;
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, -1, &begin,
	    sizeof(begin)) == -1 || flood_say(PROC_PARENT, 0, IMSG_CONF_RELAY,
	    0, -1, &relay, sizeof(relay)) == -1 || flood_say(PROC_PARENT, 0,
	    IMSG_CONF_RULE, 0, -1, &r, sizeof(r)) == -1 ||
	    flood_say(PROC_PARENT, 0, IMSG_CONF_BACKEND, 0, -1, &b,
	    sizeof(b)) == -1)
		errx(2, "no configuration");
	r.action = RULE_PASS;
	r.what = RULE_LOOPBACK;
	r.port_min = r.port_max = 22;
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_RULE, 0, -1, &r,
	    sizeof(r)) == -1 || flood_say(PROC_PARENT, 0, IMSG_CONF_END, 0,
	    -1, &end, sizeof(end)) == -1)
		errx(2, "no configuration");
	proxy_start();
	proxy_serve();
}

static void
tunnel_to_proxy(void)
{
	struct connect_target	 c = { .kind = MUX_KIND_TCP, .port = 80 };
	struct connect_failed	 f;
	int			 i;

	proxy_begin();
	flood(PROC_TUNNEL, 0, MESSAGES, pick);
	/* What the resolver still has to do is that of another tunnel. */
	flood_join(PROC_TUNNEL, 0);
	strlcpy(c.host, "127.0.0.1", sizeof(c.host));
	if (flood_say(PROC_TUNNEL, 0, IMSG_CONNECT, 9, -1, &c, sizeof(c)) ==
	    -1)
		errx(2, "a good message is refused");
	for (i = 0; i < 3000 && !flood_took(PROC_TUNNEL, 0,
	    IMSG_CONNECT_FAILED, &f, sizeof(f)); i++)
		usleep(10000);
	if (i == 3000 || f.code != MUX_CODE_DENIED)
		errx(2, "what the rules block is not denied");
	if (connects == 0)
		errx(2, "nothing was connected to");
}

/* ---- */

static void
test_children_to_parent(void **state)
{
	assert_int_equal(flood_apart(children_to_parent), 0);
}

static void
test_tunnel_to_proxy(void **state)
{
	assert_int_equal(flood_apart(tunnel_to_proxy), 0);
}

/* The daemon has read its configuration and would start its children. */
int
__wrap_proc_parent(const struct proc_daemon *d,
    const struct proc_options *opts)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_children_to_parent),
		cmocka_unit_test(test_tunnel_to_proxy),
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
	fprintf(f, "relay \"ws://127.0.0.1:%d\"\nname \"pi\"\n"
	    "token \"%s\"\ncontrol none\npass unix \"%s/echo.sock\"\n",
	    RELAY_PORT, secret, dir);
	fclose(f);
	ret = __real_main(4, args);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		ret = 1;
	return (ret);
}
