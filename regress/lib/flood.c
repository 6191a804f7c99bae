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
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <event2/event.h>
#include <imsg.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flood.h"
#include "log.h"
#include "proc_internal.h"

#define BYTES_MAX	(MAX_IMSGSIZE - IMSG_HEADER_SIZE)
#define TYPES		400		/* somewhat more than there are */
#define PEERS		3		/* of a kind, at most */
#define LOG_MAX		(1024 * 1024)

const char	*__asan_default_options(void);
const char	*__ubsan_default_options(void);

static struct imsgbuf	*far[PROC_KINDS_MAX][PEERS];
static unsigned int	 seed = 20;
static unsigned long	 taken, refused;
int			 flood_may_end;
void			(*flood_works)(int);
static size_t		 logged;		/* bytes */
static char		 last[512];		/* line */
static uint32_t		 last_type;
static size_t		 last_len;

uint32_t
flood_some(uint32_t n)
{
	return ((uint32_t)rand_r(&seed) % n);
}

/*
 * What sanitizers find is told from an end in order; and who ends in the
 * middle of something has freed nothing.
 */
const char *
__asan_default_options(void)
{
	return ("exitcode=99:detect_leaks=0");
}

const char *
__ubsan_default_options(void)
{
	return ("exitcode=99");
}

/* ---- the process ---- */

static void
flood_log(int level, const char *line)
{
	strlcpy(last, line, sizeof(last));
	/* Each of these is a child's end: they are as rare as that. */
	if (strstr(line, "sent a bad message") == NULL &&
	    strstr(line, "sent no message") == NULL)
		logged += strlen(line) + 1;
}

static void
flood_gone(struct proc_peer *p)
{
	refused++;
	proc_peer_close(p);
}

static void
flood_quit(int status)
{
	errx(1, "it ends with %d: %s", status, last);
}

static void
flood_died(int sig)
{
	static const char	 text[] = "died of a message\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	warnx("type %u, %zu bytes, after %lu taken and %lu refused: %s",
	    last_type, last_len, taken, refused, last);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
flood_exit(void)
{
	if (last_type != 0 && (!flood_may_end || getenv("FLOOD_ENDS") != NULL))
		warnx("exit at type %u, %zu bytes, after %lu taken and %lu "
		    "refused: %s", last_type, last_len, taken, refused, last);
}

int
flood_apart(void (*f)(void))
{
	pid_t	 pid;
	int	 status;

	fflush(NULL);
	if ((pid = fork()) == -1)
		err(2, "fork");
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGSEGV, flood_died);
		signal(SIGABRT, flood_died);
		atexit(flood_exit);
		f();
		last_type = 0;
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(2, "waitpid");
	return (status);
}

void
flood_become(const struct proc_daemon *d, int kind)
{
	static char		*argv[] = { (char *)(uintptr_t)"flood", NULL };
	struct proc_options	 opts = { .argc = 1, .argv = argv };

	proc_become(d, &opts, kind, 0);
	log_init(proc_self.name, LOG_STYLE_COMMAND, LOG_LEVEL_BRIEF);
	log_divert(flood_log);
	if ((proc_self.base = event_base_new()) == NULL)
		err(2, "event base");
	proc_self.lost = proc_self.bad = flood_gone;
	proc_self.quit = flood_quit;
	proc_self.serving = 1;
}

void
flood_join(int kind, int instance)
{
	struct imsgbuf	*f = far[kind][instance];
	struct proc_peer *p;
	int		 sv[2];

	if ((p = proc_peer(kind, instance)) != NULL)
		proc_peer_close(p);
	if (f != NULL) {
		imsgbuf_clear(f);
		close(f->fd);
	} else if ((f = calloc(1, sizeof(*f))) == NULL &&
	    (f = calloc(1, sizeof(*f))) == NULL)
		err(2, NULL);
	far[kind][instance] = f;
	/* An allocation that fails does so once. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1 || (imsgbuf_init(f, sv[1]) == -1 &&
	    imsgbuf_init(f, sv[1]) == -1))
		err(2, "pipe");
	imsgbuf_allow_fdpass(f);
	p = proc_peer_new(kind, instance, sv[0]);
	proc_peer_start(p);
}

void
flood_run(void)
{
	if (flood_works != NULL)
		flood_works(1);
	if (event_base_loop(proc_self.base, EVLOOP_NONBLOCK) == -1)
		errx(2, "event loop");
	if (flood_works != NULL)
		flood_works(0);
}

/* What was sent to anybody: nobody reads that. */
static void
flood_drain(void)
{
	static char	 buf[65536];
	int		 i, kind;

	for (kind = 0; kind < PROC_KINDS_MAX; kind++) {
		for (i = 0; i < PEERS; i++) {
			if (far[kind][i] == NULL)
				continue;
			while (recv(far[kind][i]->fd, buf, sizeof(buf),
			    MSG_DONTWAIT) > 0)
				;
		}
	}
}

/* It has a whole message, or what is none: that is handled. */
static int
flood_handle(int kind, int instance)
{
	struct proc_peer	*p;
	int			 i, r;

	for (i = 0; i < 50; i++) {
		if ((p = proc_peer(kind, instance)) == NULL)
			return (-1);
		if (flood_works != NULL)
			flood_works(1);
		r = proc_peer_poll(p, 0);
		if (flood_works != NULL)
			flood_works(0);
		if (r == -1)
			return (-1);
		if (!p->xoff)
			break;
		flood_run();
	}
	return (0);
}

int
flood_say(int kind, int instance, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct imsgbuf	*f = far[kind][instance];
	struct imsg_hdr	 hdr = { .type = type, .peerid = id,
			    .len = len + IMSG_HEADER_SIZE };
	struct iovec	 iov[2] = { { &hdr, sizeof(hdr) },
			    { (void *)(uintptr_t)data, len } };

	last_type = type;
	last_len = len;
	if (fd == -1) {
		if (writev(f->fd, iov, 2) != (ssize_t)hdr.len)
			err(2, "message %u of %zu bytes", type, len);
		return (flood_handle(kind, instance));
	}
	if ((fd = dup(fd)) == -1)
		err(2, "dup");
	if ((imsg_compose(f, type, id, 0, fd, data, len) == -1 &&
	    imsg_compose(f, type, id, 0, fd, data, len) == -1) ||
	    imsgbuf_flush(f) == -1)
		err(2, "message %u of %zu bytes", type, len);
	return (flood_handle(kind, instance));
}

int
flood_next(int kind, int instance, struct imsg *imsg)
{
	struct imsgbuf	*f = far[kind][instance];
	int		 i, n;

	for (i = 0; i < 2; i++) {
		if ((n = imsgbuf_get(f, imsg)) == 1)
			return (1);
		if (n == -1)
			err(2, "what was sent");
		if (imsgbuf_read(f) == -1 && errno != EAGAIN)
			err(2, "read");
	}
	return (0);
}

int
flood_took(int kind, int instance, uint32_t type, void *data, size_t len)
{
	struct imsgbuf	*f = far[kind][instance];
	struct imsg	 imsg;
	int		 i, n, found = 0;

	for (i = 0; i < 100 && !found; i++) {
		flood_run();
		while ((n = imsgbuf_get(f, &imsg)) == 1) {
			if (!found && imsg_get_type(&imsg) == type &&
			    imsg_get_len(&imsg) == len) {
				found = 1;
				if (imsg_get_data(&imsg, data, len) == -1)
					errx(2, "message %u", type);
			}
			imsg_free(&imsg);
		}
		if (n == -1)
			err(2, "what was sent");
		if (!found && imsgbuf_read(f) == -1 && errno != EAGAIN)
			err(2, "read");
	}
	return (found);
}

/* ---- what a hostile peer sends ---- */

/* Numbers that are somebody's, more often than not; and pieces of text. */
static void
flood_mutate(uint8_t *p, size_t len)
{
	static const char *const words[] = {
		"pi", "me@example.org", "relay.test", "..", "a", "%s%n",
		"127.0.0.1", "\033[2J\r\n", "tcp", "/", "pi.relay.test"
	};
	const char	*w;
	uint64_t	 v;
	uint32_t	 i, n = flood_some(7);
	size_t		 off;

	for (i = 0; i < n && len >= sizeof(v); i++) {
		off = flood_some(len - sizeof(v) + 1);
		v = flood_some(8);
		switch (flood_some(6)) {
		case 0:
			memcpy(p + off / 8 * 8, &v, sizeof(v));
			break;
		case 1:
		case 2:
			memcpy(p + off / 4 * 4, &v, sizeof(uint32_t));
			break;
		case 3:
			v = UINT64_MAX >> flood_some(64);
			memcpy(p + off / 8 * 8, &v, sizeof(v));
			break;
		case 4:
			w = words[flood_some(nitems(words))];
			if (strlen(w) < len - off / 4 * 4)
				memcpy(p + off / 4 * 4, w, strlen(w));
			break;
		default:
			p[off] = flood_some(256);
		}
	}
	if (flood_some(50) == 0)
		memset(p, 0xff, len);
	else if (flood_some(50) == 0)
		for (off = 0; off < len; off++)
			p[off] = flood_some(256);
}

/* One that is not to be believed for its shape. */
static int
flood_misshapen(int kind, int instance, const struct proc_rule *r,
    uint8_t *bytes, int fd)
{
	struct imsgbuf	*f = far[kind][instance];
	size_t		 i, len;

	switch (flood_some(5)) {
	case 0:				/* one too short, or too long */
		len = r->size + 1;
		if (flood_some(2) && r->size > 0)
			len = r->size - 1;
		else if (r->max > 0)
			len = r->max + 1;
		if (len > BYTES_MAX)
			len = 0;
		return (flood_say(kind, instance, r->type, 0, r->fd ? fd :
		    -1, bytes, len));
	case 1:				/* with what it must not have */
		return (flood_say(kind, instance, r->type, 0, r->fd ? -1 :
		    fd, bytes, r->size));
	case 2:				/* no message */
		len = 1 + flood_some(200);
		for (i = 0; i < len; i++)
			bytes[i] = flood_some(256);
		last_type = UINT32_MAX;
		last_len = len;
		if (write(f->fd, bytes, len) != (ssize_t)len)
			err(2, "write");
		return (flood_handle(kind, instance));
	default:			/* anybody's, or nobody's */
		len = flood_some(4) ? flood_some(256) : flood_some(BYTES_MAX);
		return (flood_say(kind, instance, flood_some(20) ?
		    flood_some(TYPES) : UINT32_MAX - flood_some(3),
		    flood_some(8), flood_some(8) ? -1 : fd, bytes, len));
	}
}

static const struct proc_rule *
flood_rule(int kind)
{
	const struct proc_def	*def = proc_self.def;
	const struct proc_rule	*r;
	size_t			 i;

	for (i = 0; i < 10000; i++) {
		r = &def->rules[flood_some(def->nrules)];
		if (r->from == kind)
			return (r);
	}
	errx(2, "%s takes nothing from %d", def->name, kind);
}

static void
flood_one(int kind, int instance, int fd,
    void (*pick)(uint32_t, uint8_t *, size_t))
{
	static uint8_t		 bytes[BYTES_MAX];
	const struct proc_rule	*r = flood_rule(kind);
	size_t			 len = r->size;

	memset(bytes, 0, sizeof(bytes));
	if (flood_some(64) == 0) {
		flood_mutate(bytes, sizeof(bytes));
		(void)flood_misshapen(kind, instance, r, bytes, fd);
		return;
	}
	if (r->max > r->size)
		len += flood_some(r->max - r->size + 1);
	if (pick != NULL && flood_some(4) != 0)
		pick(r->type, bytes, len);
	flood_mutate(bytes, len);
	if (flood_say(kind, instance, r->type, flood_some(8), r->fd ? fd : -1,
	    bytes, len) == 0)
		taken++;
}

void
flood_messages(int kind, int instance, unsigned long n,
    void (*pick)(uint32_t, uint8_t *, size_t))
{
	unsigned long	 i;
	int		 fd;

	if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		err(2, "/dev/null");
	for (i = 0; i < n; i++) {
		if (proc_peer(kind, instance) == NULL)
			flood_join(kind, instance);
		flood_one(kind, instance, fd, pick);
		if (i % 16 == 0) {
			flood_run();
			flood_drain();
		}
	}
	flood_run();
	flood_drain();
	flood_run();
	close(fd);
}

static int
flood_descriptors(void)
{
	struct dirent	*e;
	DIR		*d;
	int		 n = 0;

	if ((d = opendir("/proc/self/fd")) == NULL)
		return (0);
	while ((e = readdir(d)) != NULL)
		n++;
	closedir(d);
	return (n);
}

void
flood(int kind, int instance, unsigned long n,
    void (*pick)(uint32_t, uint8_t *, size_t))
{
	const char	*s = getenv("FLOOD");
	int		 fds;

	if (s != NULL)
		n = strtoul(s, NULL, 10);
	flood_join(kind, instance);
	flood_run();
	taken = refused = 0;
	logged = 0;
	fds = flood_descriptors();
	flood_messages(kind, instance, n, pick);
	flood_join(kind, instance);
	last_type = 0;
	if (taken < n / 200 || refused < n / 200)
		errx(2, "%lu were believed and %lu refused", taken, refused);
	/* Some that were asked for in the right way. */
	if (flood_descriptors() > fds + 128)
		errx(2, "%d descriptors, then %d", fds, flood_descriptors());
	if (logged > LOG_MAX)
		errx(2, "%zu bytes of log, the last: %s", logged, last);
}
