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
 * The queue is the only thing that threads and event loop share; a lookup
 * belongs to whoever holds it: the queue, a thread, or the answers.  A
 * thread that hangs on a dead name server holds one of few places, never
 * the loop.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <netdb.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "resolve.h"

#define RESOLVE_STACK	(256 * 1024)	/* getaddrinfo needs about 100 */
#define RESOLVE_IDLE	30		/* s until an idle thread ends */
#define RESOLVE_HOST	256		/* a name is at most 253 bytes */

enum resolve_state { WAITING, RUNNING, ANSWERED };

struct resolve {
	TAILQ_ENTRY(resolve)	 entry;		/* unless RUNNING */
	enum resolve_state	 state;
	int			 cancelled;
	char			 host[RESOLVE_HOST];
	char			 port[6];
	int			 error;		/* EAI_ code */
	int			 sys_error;	/* errno */
	struct addrinfo		*addrs;
	/* of the event loop alone */
	void			(*done)(void *, int, int,
				    const struct addrinfo *);
	void			*arg;
};
TAILQ_HEAD(resolve_list, resolve);

static void	*resolve_thread(void *);
static void	 resolve_answers(evutil_socket_t, short, void *);

static pthread_mutex_t		 lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t		 work;
/* under the lock */
static struct resolve_list	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct resolve_list	 answers = TAILQ_HEAD_INITIALIZER(answers);
static unsigned int		 nthreads, nidle, nwaiting;
static unsigned int		 idle_s = RESOLVE_IDLE;
/* of the event loop alone */
static struct event		*answer_event;
static unsigned int		 npending;	/* in any list or thread */
static int			 answer_fd[2] = { -1, -1 };

int
resolve_init(struct event_base *base)
{
	static const char *const names[] = {
		"localhost", "not..a.name.invalid"
	};
	struct addrinfo		 hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo		*res;
	pthread_condattr_t	 attr;
	size_t			 i;
	int			 r;

	if (answer_event != NULL)
		return (0);
	/*
	 * One name that is there makes the first module of nsswitch.conf
	 * load; one that none can have, and that is too malformed to ask a
	 * server for, makes the others.
	 */
	for (i = 0; i < nitems(names); i++) {
		errno = 0;
		if ((r = getaddrinfo(names[i], "1", &hints, &res)) == 0)
			freeaddrinfo(res);
		/*
		 * What did not load is never tried again, or may be waited
		 * for without an end, by the next call already.
		 */
		if (r == EAI_MEMORY || (r != 0 && errno == ENOMEM))
			return (-1);
	}
	if (pthread_condattr_init(&attr) != 0 ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&work, &attr) != 0 ||
	    pipe2(answer_fd, O_NONBLOCK | O_CLOEXEC) == -1)
		return (-1);
	answer_event = event_new(base, answer_fd[0], EV_READ | EV_PERSIST,
	    resolve_answers, NULL);
	return (answer_event == NULL ? -1 : 0);
}

void
resolve_linger(unsigned int seconds)
{
	pthread_mutex_lock(&lock);
	idle_s = seconds;
	pthread_mutex_unlock(&lock);
}

int
resolve_conf_folder(const char *file, char *dir, size_t size)
{
	static const char *const	 places[] = {
		"/run/", "/var/", "/mnt/wsl/"
	};
	const char			*slash = strrchr(file, '/');
	size_t				 i, n, len;

	if (slash == NULL)
		return (-1);
	len = slash - file;
	for (i = 0; i < nitems(places); i++) {
		n = strlen(places[i]);
		/* All of /run is too much; of /mnt/wsl is not. */
		if (strncmp(file, places[i], n) == 0 && (len > n ||
		    (len + 1 == n && strchr(places[i] + 1, '/') !=
		    places[i] + n - 1)))
			break;
	}
	if (i == nitems(places) || len >= size)
		return (-1);
	memcpy(dir, file, len);
	dir[len] = '\0';
	return (0);
}

int
resolve_folder(char *dir, size_t size)
{
	char	*file = realpath("/etc/resolv.conf", NULL);
	int	 ret = -1;

	if (file != NULL)
		ret = resolve_conf_folder(file, dir, size);
	free(file);
	return (ret);
}

/* The lock is held. */
static int
resolve_thread_start(void)
{
	pthread_attr_t	 attr;
	pthread_t	 thread;
	sigset_t	 all, old;
	int		 error;

	if (pthread_attr_init(&attr) != 0)
		return (-1);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, RESOLVE_STACK);
	/* Signals are for the event loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attr, resolve_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (error != 0) {
		errno = error;
		return (-1);
	}
	nthreads++;
	return (0);
}

/* The next lookup to do, or NULL after a while without one; lock held. */
static struct resolve *
resolve_next(void)
{
	struct resolve	*r;
	struct timespec	 until;
	int		 error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += idle_s;
	while ((r = TAILQ_FIRST(&waiting)) == NULL && error == 0) {
		nidle++;
		error = pthread_cond_timedwait(&work, &lock, &until);
		nidle--;
	}
	if (r != NULL) {
		TAILQ_REMOVE(&waiting, r, entry);
		nwaiting--;
		r->state = RUNNING;
	}
	return (r);
}

static void *
resolve_thread(void *arg __unused)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_NUMERICSERV };
	struct resolve	*r;

	pthread_mutex_lock(&lock);
	while ((r = resolve_next()) != NULL) {
		pthread_mutex_unlock(&lock);
		r->error = getaddrinfo(r->host, r->port, &hints, &r->addrs);
		r->sys_error = errno;
		pthread_mutex_lock(&lock);
		r->state = ANSWERED;
		TAILQ_INSERT_TAIL(&answers, r, entry);
		/* A full pipe wakes the loop as well as one more byte. */
		while (write(answer_fd[1], "", 1) == -1 && errno == EINTR)
			;
	}
	nthreads--;
	pthread_mutex_unlock(&lock);
	return (NULL);
}

static void
resolve_free(struct resolve *r)
{
	if (r->addrs != NULL)
		freeaddrinfo(r->addrs);
	free(r);
	/* An event that nobody waits for would keep the loop alive. */
	if (--npending == 0)
		event_del(answer_event);
}

static void
resolve_answers(evutil_socket_t fd, short what __unused, void *arg __unused)
{
	struct resolve	*r;
	char		 buf[RESOLVE_QUEUE_MAX];

	(void)!read(fd, buf, sizeof(buf));
	for (;;) {
		pthread_mutex_lock(&lock);
		if ((r = TAILQ_FIRST(&answers)) != NULL)
			TAILQ_REMOVE(&answers, r, entry);
		pthread_mutex_unlock(&lock);
		if (r == NULL)
			break;
		if (!r->cancelled) {
			/* A cancel from inside finds it in no list. */
			r->state = RUNNING;
			r->done(r->arg, r->error, r->sys_error,
			    r->error == 0 ? r->addrs : NULL);
		}
		resolve_free(r);
	}
}

struct resolve *
resolve_new(const char *host, uint16_t port,
    void (*done)(void *, int, int, const struct addrinfo *), void *arg)
{
	struct resolve	*r;
	int		 ok;

	if (answer_event == NULL || npending >= RESOLVE_QUEUE_MAX) {
		errno = EAGAIN;
		return (NULL);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if (strlcpy(r->host, host, sizeof(r->host)) >= sizeof(r->host)) {
		free(r);
		errno = ENAMETOOLONG;
		return (NULL);
	}
	snprintf(r->port, sizeof(r->port), "%u", port);
	r->done = done;
	r->arg = arg;

	pthread_mutex_lock(&lock);
	/* Those on their way to this lock count as busy: one too many. */
	ok = nwaiting < nidle || nthreads == RESOLVE_THREADS_MAX ||
	    resolve_thread_start() == 0 || nthreads > 0;
	if (ok) {
		TAILQ_INSERT_TAIL(&waiting, r, entry);
		nwaiting++;
		pthread_cond_signal(&work);
	}
	pthread_mutex_unlock(&lock);
	if (!ok) {
		free(r);
		return (NULL);
	}
	if (npending++ == 0)
		event_add(answer_event, NULL);
	return (r);
}

void
resolve_cancel(struct resolve *r)
{
	int	 mine;

	if (r == NULL)
		return;
	pthread_mutex_lock(&lock);
	mine = r->state != RUNNING;
	if (r->state == WAITING) {
		TAILQ_REMOVE(&waiting, r, entry);
		nwaiting--;
	} else if (r->state == ANSWERED)
		TAILQ_REMOVE(&answers, r, entry);
	else
		r->cancelled = 1;
	pthread_mutex_unlock(&lock);
	if (mine)
		resolve_free(r);
}
