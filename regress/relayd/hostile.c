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
#include <sys/stat.h>

#include <netinet/in.h>

#include <crypt.h>
#include <err.h>
#include <event2/event.h>
#include <imsg.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/flood.h"
#include "hostile.h"
#include "msg.h"
#include "msg_audit.h"
#include "msg_conf.h"
#include "msg_link.h"
#include "msg_list.h"
#include "msg_login.h"
#include "msg_meter.h"
#include "msg_publish.h"
#include "msg_rpc.h"
#include "msg_site.h"
#include "msg_stats.h"
#include "parent.h"
#include "proc_internal.h"

int	 __real_main(int, char **);
int	 __wrap_main(int, char **);
int	 __wrap_proc_parent(const struct proc_daemon *,
	    const struct proc_options *);
int	 __wrap_proc_upgrade(char *const *, char *, size_t);
char	*__wrap_crypt_r(const char *, const char *, struct crypt_data *);

static char	 dir[] = "/tmp/hostile.XXXXXX";

/* What would take too long so often, or replace us. */

char *
__wrap_crypt_r(const char *key, const char *salt, struct crypt_data *data)
{
	strlcpy(data->output, "$y$nobody's", sizeof(data->output));
	return (data->output);
}

int
__wrap_proc_upgrade(char *const *argv, char *why, size_t size)
{
	strlcpy(why, "not in a test", size);
	return (-1);
}

/* ---- the parent ---- */

/* Ports that might be opened: of those that nobody asks for by number. */
void
hostile_to_parent(uint32_t type, uint8_t *p, size_t len)
{
	struct publish		*pub = (struct publish *)p;
	struct sockaddr_in	*sin = (struct sockaddr_in *)&pub->spec.addr;
	struct ctl_name		*name = (struct ctl_name *)p;
	struct listener_link	*link = (struct listener_link *)p;

	if (type == IMSG_PUBLISH) {
		snprintf(pub->id, sizeof(pub->id), "p%u", flood_some(9));
		strlcpy(pub->email, "me@example.org", sizeof(pub->email));
		pub->spec.proto = flood_some(2) ? MUX_KIND_TCP :
		    MUX_KIND_UDP;
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 7);
		pub->spec.port_min = 20000 + flood_some(8);
		pub->spec.port_max = pub->spec.port_min + flood_some(3);
		pub->connections = flood_some(10);
	} else if (type == IMSG_UNPUBLISH)
		snprintf((char *)p, len, "p%u", flood_some(9));
	else if (type == IMSG_LOG_LEVEL)
		strlcpy(name->name, flood_some(2) ? "debug" : "",
		    sizeof(name->name));
	else if (type == IMSG_LISTENER_AGAIN)
		link->peer = flood_some(2);
}

void
hostile_parent(void)
{
	flood_become(&relayd_daemon, PROC_PARENT);
	proc_kid_new(PROC_LISTENER, 0);
	proc_kid_new(PROC_LISTENER, 1);
	listener_joins(0);
	listener_joins(1);
	flood_join(PROC_KEYS, 0);
	flood_join(PROC_AUTH, 0);
	flood_join(PROC_ROUTER, 0);
	flood_join(PROC_LISTENER, 0);
	flood_join(PROC_LISTENER, 1);
}

/* It does what it is asked for by one that behaves. */
void
hostile_parent_answers(void)
{
	struct ctl_name	 name = { .name = "" };
	struct ctl_end	 end;

	flood_join(PROC_ROUTER, 0);
	if (flood_say(PROC_ROUTER, 0, IMSG_LOG_LEVEL, 1, -1, &name,
	    sizeof(name)) == -1 || !flood_took(PROC_ROUTER, 0, IMSG_RELOADED,
	    &end, sizeof(end)) || end.code != 0)
		errx(2, "the parent does not answer");
}

void
hostile_parent_next_auth(void)
{
	static struct conf_begin	 begin[2];
	size_t				 i;

	for (i = 0; i < nitems(begin); i++) {
		flood_join(PROC_AUTH, 0);
		proc_self.daemon->configure(proc_peer(PROC_AUTH, 0));
		if (!flood_took(PROC_AUTH, 0, IMSG_CONF_BEGIN, &begin[i],
		    sizeof(begin[i])))
			errx(2, "auth gets no configuration");
	}
	if (memcmp(begin[0].beacon_key, begin[1].beacon_key,
	    sizeof(begin[0].beacon_key)) == 0)
		errx(2, "the next auth would take the same log-ins again");
}

void
hostile_parent_had_enough(void)
{
	struct ctl_name	 name = { .name = "" };
	struct ctl_end	 end;
	static const int types[] = { IMSG_RELOAD, IMSG_UPGRADE };
	size_t		 i;

	for (i = 0; i < nitems(types); i++) {
		if (flood_say(PROC_ROUTER, 0, types[i], 1, -1, &name,
		    sizeof(name)) == -1 || !flood_took(PROC_ROUTER, 0,
		    IMSG_RELOADED, &end, sizeof(end)) ||
		    end.code != CTL_CODE_DENIED)
			errx(2, "one more reload or upgrade is looked at");
	}
}

/* ---- auth ---- */

void
hostile_to_auth(uint32_t type, uint8_t *p, size_t len)
{
	struct login		*l = (struct login *)p;
	struct login_password	*lp = (struct login_password *)p;
	struct web_ask		*w = (struct web_ask *)p;
	struct site_ask		*s = (struct site_ask *)p;
	struct sockaddr_storage	*ss = NULL;

	switch (type) {
	case IMSG_LOGIN:
		l->door = 1 + flood_some(6);
		l->method = 1 + flood_some(3);
		strlcpy(l->host, "relay.test", sizeof(l->host));
		strlcpy(l->path, "/api/nodes/ws", sizeof(l->path));
		strlcpy(l->token_id, "abcdefghijkl", sizeof(l->token_id));
		ss = &l->peer;
		break;
	case IMSG_LOGIN_PASSWORD:
		strlcpy(lp->host, "pi.relay.test", sizeof(lp->host));
		strlcpy(lp->email, "me@example.org", sizeof(lp->email));
		strlcpy(lp->password, "secret", sizeof(lp->password));
		ss = &lp->peer;
		break;
	case IMSG_WEB_ASK:
		w->what = 1 + flood_some(5);
		strlcpy(w->host, "pi.relay.test", sizeof(w->host));
		strlcpy(w->email, "me@example.org", sizeof(w->email));
		ss = &w->peer;
		break;
	case IMSG_SITE_ASK:
		strlcpy(s->host, "pi.relay.test", sizeof(s->host));
		s->passthrough = flood_some(2);
		break;
	}
	if (ss == NULL)
		return;
	ss->ss_family = AF_INET;
	((struct sockaddr_in *)ss)->sin_addr.s_addr =
	    htonl(0x0a000000 + flood_some(1 << 24));
}

void
hostile_auth(void)
{
	struct conf_begin	 begin;
	struct conf_name	 name;
	struct conf_serve	 serve = { 0 };
	struct conf_end		 end = { 0 };

	flood_become(&relayd_daemon, PROC_AUTH);
	flood_join(PROC_PARENT, 0);
	memset(&begin, 0, sizeof(begin));
	begin.rpc = conf->rpc;
	strlcpy(begin.domain, "relay.test", sizeof(begin.domain));
	snprintf(begin.state, sizeof(begin.state), "%s/state", dir);
	memset(&name, 0, sizeof(name));
	strlcpy(name.name, "relay.test", sizeof(name.name));
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, -1, &begin,
	    sizeof(begin)) == -1 || flood_say(PROC_PARENT, 0, IMSG_CONF_NAME,
	    0, -1, &name, sizeof(name)) == -1 || flood_say(PROC_PARENT, 0,
	    IMSG_CONF_END, 0, -1, &end, sizeof(end)) == -1)
		errx(2, "no configuration");
	auth_start();
	auth_serve();
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_SERVE, 0, -1, &serve,
	    sizeof(serve)) == -1)
		errx(2, "not served");
	flood_join(PROC_ROUTER, 0);
	flood_join(PROC_LISTENER, 1);
	flood_run();
}

/* Nobody's token is refused, with a reason; a site is nobody's. */
void
hostile_auth_answers(void)
{
	struct login_denied	 d;
	struct site_ask		 ask;
	struct site		 s;
	struct login		 l;

	memset(&l, 0, sizeof(l));
	hostile_to_auth(IMSG_LOGIN, (uint8_t *)&l, sizeof(l));
	l.door = DOOR_NODE;
	l.method = LOGIN_BEARER;
	strlcpy(l.node, "pi", sizeof(l.node));
	/* A listener that was not there while others were at it. */
	flood_join(PROC_LISTENER, 2);
	if (flood_say(PROC_LISTENER, 2, IMSG_LOGIN, 7, -1, &l, sizeof(l)) ==
	    -1 || !flood_took(PROC_LISTENER, 2, IMSG_LOGIN_DENIED, &d,
	    sizeof(d)) || (d.status != 401 && d.status != 429))
		errx(2, "auth does not refuse");
	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, "nobody.relay.test", sizeof(ask.host));
	flood_join(PROC_ROUTER, 0);
	if (flood_say(PROC_ROUTER, 0, IMSG_SITE_ASK, 7, -1, &ask,
	    sizeof(ask)) == -1 || !flood_took(PROC_ROUTER, 0, IMSG_SITE, &s,
	    sizeof(s)) || s.code != MUX_CODE_NO_NODE)
		errx(2, "auth does not answer");
}

/* ---- router ---- */

void
hostile_router(void)
{
	struct conf_begin	 begin;
	struct conf_end		 end = { 0 };

	flood_become(&relayd_daemon, PROC_ROUTER);
	flood_join(PROC_PARENT, 0);
	memset(&begin, 0, sizeof(begin));
	begin.limits = conf->limits;
	begin.rpc = conf->rpc;
	strlcpy(begin.domain, "relay.test", sizeof(begin.domain));
	begin.prefork = 2;
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, -1, &begin,
	    sizeof(begin)) == -1 || flood_say(PROC_PARENT, 0, IMSG_CONF_END,
	    0, -1, &end, sizeof(end)) == -1)
		errx(2, "no configuration");
	router_start();
	router_serve();
	flood_join(PROC_AUTH, 0);
	flood_join(PROC_LISTENER, 1);
	flood_run();
}

void
hostile_router_answers(void)
{
	struct pair_ask		 ask;
	struct pair_answer	 a;

	memset(&ask, 0, sizeof(ask));
	ask.empty = 1;
	ask.from.addr[0] = 77;
	flood_join(PROC_LISTENER, 2);
	if (flood_say(PROC_LISTENER, 2, IMSG_PAIR_ASK, 7, -1, &ask,
	    sizeof(ask)) == -1 || !flood_took(PROC_LISTENER, 2,
	    IMSG_PAIR_ANSWER, &a, sizeof(a)) || a.code != PAIR_EMPTY)
		errx(2, "router does not answer");
}

/* ---- */

/* The daemon has read its configuration and would start its children. */
int
__wrap_proc_parent(const struct proc_daemon *d,
    const struct proc_options *opts)
{
	return (hostile_tests());
}

static int
free_port(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(2, "port");
	close(fd);
	return (ntohs(sin.sin_port));
}

int
__wrap_main(int argc, char **argv)
{
	char	 file[64], cmd[128], *args[] = { argv[0], strdup("-d"),
		    strdup("-f"), file, NULL };
	struct passwd *pw = getpwnam("_culvertdb");
	FILE	*f;
	int	 ret;

	if (mkdtemp(dir) == NULL)
		err(2, "%s", dir);
	snprintf(file, sizeof(file), "%s/state", dir);
	if (mkdir(file, 0700) == -1 || (geteuid() == 0 && pw != NULL &&
	    chown(file, pw->pw_uid, pw->pw_gid) == -1))
		err(2, "%s", file);
	snprintf(file, sizeof(file), "%s/relayd.conf", dir);
	if ((f = fopen(file, "w")) == NULL)
		err(2, "%s", file);
	fprintf(f, "state \"%s/state\"\ncontrol \"%s/sock\"\nprefork 2\n"
	    "listen on 127.0.0.1 port %d\n"
	    "publish ports 20000-20010 on 127.0.0.8 by any\n", dir, dir,
	    free_port());
	fclose(f);
	ret = __real_main(4, args);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		ret = 1;
	return (ret);
}
