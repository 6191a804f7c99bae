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
 * delay: a long wire between two programs on one machine.
 *
 *	delay PORT MS MBPS
 *
 * Prints a port of its own; whatever connects there is connected to PORT on
 * 127.0.0.1, and each byte arrives MS milliseconds later, in both directions,
 * at most MBPS megabytes a second each way.  It takes from a sender what such
 * a wire holds, and no more.
 */

#include "compat.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* libs: pthread */

#define PIECE	(32 * 1024)
#define PIECES	4096

static uint64_t	 delay_us, rate;	/* rate: bytes a second */
static int	 port;

/* One direction, with a thread for each end. */
struct wire {
	int		 from, to;
	pthread_mutex_t	 lock;
	pthread_cond_t	 more, less;
	size_t		 first, count;		/* of pieces under way */
	int		 ended;
	struct piece {
		uint64_t	 at;
		ssize_t		 n;
		uint8_t		 data[PIECE];
	}		 piece[];
};

static uint64_t
now_us(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000);
}

static void
sleep_until(uint64_t at)
{
	struct timespec	 ts = { at / 1000000, at % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
	    EINTR)
		;
}

static void *
deliver(void *arg)
{
	struct wire	*w = arg;
	struct piece	*p;
	ssize_t		 n, off;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (w->count == 0)
			pthread_cond_wait(&w->more, &w->lock);
		p = &w->piece[w->first];
		pthread_mutex_unlock(&w->lock);
		sleep_until(p->at);
		if (p->n <= 0)
			break;
		for (off = 0; off < p->n; off += n) {
			n = send(w->to, p->data + off, p->n - off,
			    MSG_NOSIGNAL);
			if (n == -1)
				break;
		}
		pthread_mutex_lock(&w->lock);
		w->first = (w->first + 1) % PIECES;
		w->count--;
		w->ended |= off < p->n;
		pthread_cond_signal(&w->less);
		pthread_mutex_unlock(&w->lock);
	}
	shutdown(w->to, SHUT_WR);
	return (NULL);
}

/* What the wire takes leaves it one after the other. */
static void *
take(void *arg)
{
	struct wire	*w = arg;
	struct piece	*p;
	pthread_t	 t;
	uint64_t	 left = now_us(), now;

	if (pthread_create(&t, NULL, deliver, w) != 0)
		errx(1, "no thread");
	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (w->count == PIECES && !w->ended)
			pthread_cond_wait(&w->less, &w->lock);
		p = &w->piece[(w->first + w->count) % PIECES];
		pthread_mutex_unlock(&w->lock);
		sleep_until(left);
		p->n = recv(w->from, p->data, sizeof(p->data), 0);
		now = now_us();
		if (left < now)
			left = now;
		left += p->n > 0 ? p->n * 1000000ULL / rate : 0;
		p->at = left + delay_us;
		pthread_mutex_lock(&w->lock);
		w->count++;
		pthread_cond_signal(&w->more);
		pthread_mutex_unlock(&w->lock);
		if (p->n <= 0)
			break;
	}
	pthread_join(t, NULL);
	return (NULL);
}

static struct wire *
wire_new(int from, int to)
{
	struct wire	*w;

	if ((w = calloc(1, sizeof(*w) + PIECES * sizeof(w->piece[0]))) ==
	    NULL)
		err(1, "wire");
	w->from = from;
	w->to = to;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->less, NULL);
	return (w);
}

static void *
serve(void *arg)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct wire		*w[2];
	pthread_t		 t;
	int			 a = (int)(intptr_t)arg, b, on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	if ((b = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (connect(b, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		close(b);
		close(a);
		return (NULL);
	}
	setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	w[0] = wire_new(a, b);
	w[1] = wire_new(b, a);
	if (pthread_create(&t, NULL, take, w[1]) != 0)
		errx(1, "no thread");
	take(w[0]);
	pthread_join(t, NULL);
	close(a);
	close(b);
	free(w[0]);
	free(w[1]);
	return (NULL);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	const char		*errstr;
	pthread_t		 t;
	int			 l, s;

	if (argc != 4) {
		fprintf(stderr, "usage: delay port ms mbps\n");
		return (1);
	}
	signal(SIGPIPE, SIG_IGN);
	port = strtonum(argv[1], 1, 65535, &errstr);
	if (errstr == NULL)
		delay_us = strtonum(argv[2], 0, 10000, &errstr) * 1000;
	if (errstr == NULL)
		rate = strtonum(argv[3], 1, 100000, &errstr) * 1000000;
	if (errstr != NULL)
		errx(1, "argument %s", errstr);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((l = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(l, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(l, 128) == -1 ||
	    getsockname(l, (struct sockaddr *)&sin, &len) == -1)
		err(1, "listen");
	printf("%d\n", ntohs(sin.sin_port));
	fflush(stdout);
	while ((s = accept(l, NULL, NULL)) != -1) {
		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)s) != 0)
			errx(1, "no thread");
		pthread_detach(t);
	}
	err(1, "accept");
}
