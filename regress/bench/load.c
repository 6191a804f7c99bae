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
 * load: what `make bench` measures with.
 *
 *	load target			prints its port; serves until killed
 *	load down|up PORT SECS		one stream, MB/s
 *	load echo PORT SECS		64 bytes there and back: p50, p99 us
 *	load conn PORT SECS		connect, a byte each way, close: per s
 *	load open PORT COUNT		the same, COUNT times: p50, p99 us
 *
 * The first byte of a connection says what the target does: G send for
 * ever, S swallow and acknowledge each 256 KiB, E echo.
 */

/* libs: pthread */

#include "compat.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUF	(128 * 1024)
#define ACK	(256 * 1024)
#define SAMPLES	(1 << 21)

static double
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec + ts.tv_nsec / 1e9);
}

static void *
serve(void *arg)
{
	static char	 zero[BUF];
	char		*buf = malloc(BUF), mode;
	size_t		 got = 0;
	ssize_t		 n;
	int		 fd = (int)(intptr_t)arg;

	if (buf == NULL || read(fd, &mode, 1) != 1)
		goto done;
	if (mode == 'G') {
		while (write(fd, zero, sizeof(zero)) > 0)
			continue;
		goto done;
	}
	while ((n = read(fd, buf, BUF)) > 0) {
		if (mode == 'E' && write(fd, buf, n) != n)
			break;
		if (mode == 'S') {
			for (got += n; got >= ACK; got -= ACK) {
				if (write(fd, "k", 1) != 1)
					goto done;
			}
		}
	}
 done:
	close(fd);
	free(buf);
	return (NULL);
}

__dead static void
target(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	pthread_attr_t		 attr;
	pthread_t		 t;
	int			 fd, c, one = 1;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 1024) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "listen");
	printf("%u\n", ntohs(sin.sin_port));
	fflush(stdout);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (;;) {
		if ((c = accept(fd, NULL, NULL)) == -1)
			continue;
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&t, &attr, serve, (void *)(intptr_t)c) != 0)
			close(c);
	}
}

static int
dial(uint16_t port)
{
	struct sockaddr_in	 sin;
	int			 fd, one = 1;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return (fd);
}

static void
bulk(uint16_t port, double secs, int up)
{
	static char	 buf[BUF];
	struct pollfd	 pfd;
	uint64_t	 bytes = 0;
	double		 start, end, t;
	ssize_t		 n;
	int		 fd = dial(port);

	if (write(fd, up ? "S" : "G", 1) != 1)
		err(1, "write");
	start = now() + 0.3;
	end = start + secs;
	while ((t = now()) < end) {
		if (up) {
			if (write(fd, buf, sizeof(buf)) <= 0)
				err(1, "write");
			pfd.fd = fd;
			pfd.events = POLLIN;
			while (poll(&pfd, 1, 0) == 1) {
				if ((n = read(fd, buf, sizeof(buf))) <= 0)
					errx(1, "cut");
				if (t >= start)
					bytes += n * ACK;
			}
		} else {
			if ((n = read(fd, buf, sizeof(buf))) <= 0)
				errx(1, "cut");
			if (t >= start)
				bytes += n;
		}
	}
	printf("%.1f\n", bytes / secs / 1e6);
}

static int
cmp(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return (*x < *y ? -1 : *x > *y);
}

static void
latency(uint16_t port, double secs)
{
	uint32_t	*v = calloc(SAMPLES, sizeof(*v));
	char		 buf[64] = "";
	size_t		 n = 0, got;
	double		 end, t;
	ssize_t		 r;
	int		 fd = dial(port);

	if (v == NULL || write(fd, "E", 1) != 1)
		err(1, "echo");
	end = now() + secs;
	while ((t = now()) < end && n < SAMPLES) {
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			err(1, "write");
		for (got = 0; got < sizeof(buf); got += r) {
			if ((r = read(fd, buf, sizeof(buf))) <= 0)
				errx(1, "cut");
		}
		v[n++] = (now() - t) * 1e7;
	}
	qsort(v, n, sizeof(*v), cmp);
	printf("%.1f %.1f\n", v[n / 2] / 10.0, v[n * 99 / 100] / 10.0);
	free(v);
}

static void
connections(uint16_t port, double secs)
{
	uint64_t	 n = 0;
	double		 start = now();
	char		 c;
	int		 fd;

	while (now() < start + secs) {
		fd = dial(port);
		if (write(fd, "Ex", 2) == 2 && read(fd, &c, 1) == 1)
			n++;
		close(fd);
	}
	printf("%.0f\n", n / (now() - start));
}

static void
opened(uint16_t port, size_t count)
{
	uint32_t	*v = calloc(count, sizeof(*v));
	size_t		 n;
	double		 t;
	char		 c;
	int		 fd;

	if (v == NULL)
		err(1, NULL);
	for (n = 0; n < count; n++) {
		t = now();
		fd = dial(port);
		if (write(fd, "Ex", 2) != 2 || read(fd, &c, 1) != 1)
			errx(1, "cut");
		v[n] = (now() - t) * 1e7;
		close(fd);
	}
	qsort(v, n, sizeof(*v), cmp);
	printf("%.1f %.1f\n", v[n / 2] / 10.0, v[n * 99 / 100] / 10.0);
	free(v);
}

int
main(int argc, char **argv)
{
	const char	*errstr;
	uint16_t	 port;
	double		 secs;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "target") == 0)
		target();
	if (argc != 4)
		errx(2, "usage: load target | down|up|echo|conn port secs | "
		    "open port count");
	port = strtonum(argv[2], 1, 65535, &errstr);
	if (errstr != NULL)
		errx(2, "port: %s", errstr);
	secs = strtod(argv[3], NULL);
	if (strcmp(argv[1], "echo") == 0)
		latency(port, secs);
	else if (strcmp(argv[1], "open") == 0 && secs >= 1 && secs < SAMPLES)
		opened(port, secs);
	else if (strcmp(argv[1], "conn") == 0)
		connections(port, secs);
	else
		bulk(port, secs, strcmp(argv[1], "up") == 0);
	return (0);
}
