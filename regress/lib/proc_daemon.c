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
 * What proc_test starts: a parent, two bosses and two workers, driven by
 * lines.  What the processes say comes out of the parent's standard output,
 * and "boss 0 h 2 1" on its standard input makes boss 0 greet worker 1.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "log.h"
#include "proc_daemon.h"
#include "proc_internal.h"

enum { PARENT, BOSS, WORKER };

enum {
	TEST_CMD = PROC_IMSG_FIRST,	/* the parent: do this */
	TEST_MODE,			/* the parent: misbehave at once */
	TEST_SAY,			/* to the parent: a line */
	TEST_HELLO,
	TEST_BACK,
	TEST_FD,
	TEST_FLOOD,
};

struct test_cmd {
	char		 what;
	int		 kind;
	int		 instance;
};

struct test_say {
	char		 text[80];
};

struct test_flood {
	char		 bytes[1024];
};

static char	 mode[16];	/* how it misbehaves from the start */

static int	 ctl_in = -1, ctl_out = -1;

static void	say(const char *, ...)
		    __attribute__((__format__ (printf, 1, 2)));

static void
say(const char *fmt, ...)
{
	struct test_say	 msg;
	va_list		 ap;

	memset(&msg, 0, sizeof(msg));
	va_start(ap, fmt);
	vsnprintf(msg.text, sizeof(msg.text), fmt, ap);
	va_end(ap);
	proc_send(proc_peer(PARENT, 0), TEST_SAY, 0, -1, &msg, sizeof(msg));
}

static const char *
who(const struct proc_peer *p)
{
	static char	 name[PROC_NAME_MAX];

	proc_name(proc_peer_kind(p), proc_peer_instance(p), name,
	    sizeof(name));
	return (name);
}

static int
parent_recv_say(struct proc_peer *p, struct imsg *imsg)
{
	struct test_say	 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1)
		return (-1);
	msg.text[sizeof(msg.text) - 1] = '\0';
	dprintf(ctl_out, "%s %s\n", who(p), msg.text);
	return (0);
}

static void
parent_line(evutil_socket_t fd, short what, void *arg)
{
	struct test_cmd	 cmd;
	char		 line[64], name[16];
	int		 instance;
	size_t		 n = 0;

	do {
		if (read(fd, line + n, 1) != 1) {
			proc_quit(7);
			return;
		}
	} while (line[n++] != '\n' && n < sizeof(line) - 1);
	line[n] = '\0';
	memset(&cmd, 0, sizeof(cmd));
	if (sscanf(line, "%15s %d %c %d %d", name, &instance, &cmd.what,
	    &cmd.kind, &cmd.instance) != 5)
		fatalx("bad line: %s", line);
	proc_send(proc_peer(strcmp(name, "boss") == 0 ? BOSS : WORKER,
	    instance), TEST_CMD, 0, -1, &cmd, sizeof(cmd));
}

static void
parent_configure(struct proc_peer *p)
{
	static struct event	*ev;

	if (ev == NULL) {
		ev = event_new(proc_base(), ctl_in, EV_READ | EV_PERSIST,
		    parent_line, NULL);
		event_add(ev, NULL);
	}
	proc_send(p, TEST_MODE, 0, -1, mode, sizeof(mode));
}

static void
parent_up(void)
{
	dprintf(ctl_out, "parent up %ld %d\n", (long)getpid(),
	    proc_count(WORKER));
}

static void
parent_reload(void)
{
	dprintf(ctl_out, "parent reload\n");
}

static void
parent_reopen(void)
{
	dprintf(ctl_out, "parent reopen\n");
}

static void
parent_down(void)
{
	dprintf(ctl_out, "parent down\n");
}

static int
two(void)
{
	return (2);
}

static void
boss_readable(evutil_socket_t fd, short what, void *arg)
{
	char	 buf[32];
	ssize_t	 n;

	if ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		say("read %s", buf);
	}
	close(fd);
}

static void
send_fd(struct proc_peer *p)
{
	int	 sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		fatal("socketpair");
	event_base_once(proc_base(), sv[0], EV_READ, boss_readable, NULL,
	    NULL);
	proc_send(p, TEST_FD, 0, sv[1], NULL, 0);
}

static void
flood(struct proc_peer *p)
{
	struct test_flood	 msg;
	int			 n = 0;

	memset(&msg, 'x', sizeof(msg));
	while (proc_send(p, TEST_FLOOD, 0, -1, &msg, sizeof(msg)) == 0)
		n++;
	say("flood stops at %d KiB", n / 256 * 256);
}

/* Things nobody should do; and what peers are for. */
static int
child_recv_cmd(struct proc_peer *parent, struct imsg *imsg)
{
	struct test_cmd		 cmd;
	struct proc_who		 accused;
	struct proc_peer	*p;
	int			 value = 42;

	if (imsg_get_data(imsg, &cmd, sizeof(cmd)) == -1)
		return (-1);
	p = proc_peer(cmd.kind, cmd.instance);
	switch (cmd.what) {
	case 'h':
		proc_send(p, TEST_HELLO, 0, -1, &value, sizeof(value));
		break;
	case 'w':
		proc_send_later(p, TEST_HELLO, 0, &value, sizeof(value));
		break;
	case 't':
		proc_send(p, TEST_SAY, 0, -1, NULL, 0);
		break;
	case 's':
		proc_send(p, TEST_HELLO, 0, -1, &cmd, sizeof(cmd));
		break;
	case 'd':
		proc_send(p, TEST_HELLO, 0, fcntl(2, F_DUPFD_CLOEXEC, 0),
		    &value, sizeof(value));
		break;
	case 'n':
		proc_send(p, TEST_FD, 0, -1, NULL, 0);
		break;
	case 'v':
		value = 666;
		proc_send(p, TEST_HELLO, 0, -1, &value, sizeof(value));
		break;
	case 'f':
		send_fd(p);
		break;
	case 'o':
		memset(&accused, 0, sizeof(accused));
		accused.kind = cmd.kind;
		accused.instance = cmd.instance;
		proc_send(parent, IMSG_PROC_OWNED, p->pid, -1, &accused,
		    sizeof(accused));
		break;
	case 'x':
		proc_xoff(p);
		say("xoff");
		break;
	case 'X':
		proc_xon(p);
		break;
	case 'F':
		flood(p);
		break;
	case 'l':
		log_info("worker speaks");
		break;
	case 'q':
		proc_quit(3);
		break;
	case 'c':
		if (socket(AF_INET, SOCK_STREAM, 0) == -1)
			say("no socket");
		break;
	default:
		return (-1);
	}
	return (0);
}

static int
child_recv_mode(struct proc_peer *p, struct imsg *imsg)
{
	return (imsg_get_data(imsg, mode, sizeof(mode)));
}

static int
child_recv_hello(struct proc_peer *p, struct imsg *imsg)
{
	int	 value;

	if (imsg_get_data(imsg, &value, sizeof(value)) == -1 || value != 42)
		return (-1);
	proc_send(p, TEST_BACK, 0, -1, NULL, 0);
	return (0);
}

static int
child_recv_back(struct proc_peer *p, struct imsg *imsg)
{
	say("heard %s", who(p));
	return (0);
}

static int
worker_recv_fd(struct proc_peer *p, struct imsg *imsg)
{
	int	 fd;

	fd = imsg_get_fd(imsg);
	if (write(fd, "passed", 6) != 6)
		fatal("write");
	close(fd);
	return (0);
}

static int
child_recv_flood(struct proc_peer *p, struct imsg *imsg)
{
	return (0);
}

static void
child_start(void)
{
	if (strcmp(mode, "exit") == 0 && proc_instance() == 1)
		fatalx("cannot start like this");
	if (strcmp(mode, "nouser") == 0)
		proc_user("_nobody_is_called_this");
}

static void
child_serve(void)
{
	if (strcmp(mode, "crash") == 0 && proc_instance() == 1)
		abort();
	say("serves %ld uid %ld", (long)getpid(), (long)getuid());
}

static void
linger_end(evutil_socket_t fd, short what, void *arg)
{
	say("says goodbye");
	proc_quit(0);
}

static void
boss_stop(void)
{
	struct timeval	 tv = { 0, 50000 };

	if (strcmp(mode, "deaf") == 0) {
		proc_linger(60000);
		return;
	}
	proc_linger(2000);
	event_base_once(proc_base(), -1, EV_TIMEOUT, linger_end, NULL, &tv);
}

static void
child_up(struct proc_peer *p)
{
	say("up %s", who(p));
}

static void
child_down(struct proc_peer *p)
{
	say("down %s", who(p));
}

static void
child_congested(struct proc_peer *p, int on)
{
	say("congested %s %d", who(p), on);
}

static const struct proc_rule parent_rules[] = {
	{ TEST_SAY, BOSS, sizeof(struct test_say), parent_recv_say, 0, 0 },
	{ TEST_SAY, WORKER, sizeof(struct test_say), parent_recv_say, 0, 0 },
};

static const struct proc_rule boss_rules[] = {
	{ TEST_CMD, PARENT, sizeof(struct test_cmd), child_recv_cmd, 0, 0 },
	{ TEST_MODE, PARENT, sizeof(mode), child_recv_mode, 0, 0 },
	{ TEST_HELLO, WORKER, sizeof(int), child_recv_hello, 0, 0 },
	{ TEST_BACK, WORKER, 0, child_recv_back, 0, 0 },
	{ TEST_FLOOD, WORKER, 1, child_recv_flood,
	    sizeof(struct test_flood), 0 },
};

static const struct proc_rule worker_rules[] = {
	{ TEST_CMD, PARENT, sizeof(struct test_cmd), child_recv_cmd, 0, 0 },
	{ TEST_MODE, PARENT, sizeof(mode), child_recv_mode, 0, 0 },
	{ TEST_HELLO, BOSS, sizeof(int), child_recv_hello, 0, 0 },
	{ TEST_BACK, BOSS, 0, child_recv_back, 0, 0 },
	{ TEST_HELLO, WORKER, sizeof(int), child_recv_hello, 0, 0 },
	{ TEST_BACK, WORKER, 0, child_recv_back, 0, 0 },
	{ TEST_FD, BOSS, 0, worker_recv_fd, 0, 1 },
};

static const struct proc_def test_defs[] = {
	[PARENT] = { .kind = PARENT, .name = "parent", .rank = 9,
	    .sandbox = SANDBOX_RELAYD_PARENT, .rules = parent_rules,
	    .nrules = nitems(parent_rules) },
	[BOSS] = { .kind = BOSS, .name = "boss", .user = "nobody",
	    .instances = two, .peers = 1 << WORKER, .rank = 2,
	    .sandbox = SANDBOX_ROUTER, .rules = boss_rules,
	    .nrules = nitems(boss_rules), .start = child_start,
	    .serve = child_serve, .stop = boss_stop, .peer_up = child_up,
	    .peer_down = child_down, .congested = child_congested },
	[WORKER] = { .kind = WORKER, .name = "worker", .user = "nobody",
	    .instances = two, .peers = 1 << BOSS | 1 << WORKER, .rank = 1,
	    .sandbox = SANDBOX_KEYS, .rules = worker_rules,
	    .nrules = nitems(worker_rules), .start = child_start,
	    .serve = child_serve, .peer_up = child_up,
	    .peer_down = child_down, .congested = child_congested },
};

static const struct proc_daemon test_daemon = {
	.name = "proc_test", .defs = test_defs, .ndefs = nitems(test_defs),
	.configure = parent_configure, .up = parent_up,
	.reload = parent_reload, .reopen = parent_reopen,
	.down = parent_down,
};

__dead void
proc_daemon(const struct proc_options *opts, const char *how)
{
	strlcpy(mode, how, sizeof(mode));
	if (opts->child != NULL)
		proc_child(&test_daemon, opts);
	proc_times.ping_ms = 100;
	proc_times.pings = SANDBOX_SANITIZED ? 20 : 5;
	proc_times.abort_ms = 200;
	proc_times.backoff_ms = 20;
	proc_times.backoff_max_ms = 100;
	proc_times.stop_ms = 1000;
	ctl_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	ctl_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	exit(proc_parent(&test_daemon, opts));
}
