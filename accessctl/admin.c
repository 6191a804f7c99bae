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
 * The control socket of a relayd on this host.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"

#define CONTROL_SOCKET	CULVERT_RUNDIR "/relayd.sock"
#define ANSWER_S	30	/* without an answer for so long: give up */

enum admin_option { OPT_JSON = 768, OPT_SOCKET };

int			 json;
static const char	*socket_path;

static int	admin_connect(void);

int
admin_getopt(int argc, char **argv, const struct option *more)
{
	static const struct option	 common[] = {
		{ "json",	no_argument, NULL, OPT_JSON },
		{ "socket",	required_argument, NULL, OPT_SOCKET },
	};
	struct option			 all[32];
	size_t				 n = 0;
	int				 ch;

	while (more != NULL && more[n].name != NULL && n < 24) {
		all[n] = more[n];
		n++;
	}
	all[n++] = common[0];
	all[n++] = common[1];
	memset(&all[n], 0, sizeof(all[n]));
	for (;;) {
		ch = getopt_long(argc, argv, "", all, NULL);
		if (ch == OPT_JSON)
			json = 1;
		else if (ch == OPT_SOCKET)
			socket_path = optarg;
		else
			return (ch);
	}
}

int
admin_name(char *to, size_t size, const char *from, const char *what)
{
	if (from[0] == '\0' || strlcpy(to, from, size) >= size) {
		fprintf(stderr, "accessctl: %s: empty, or longer than %zu "
		    "characters\n", what, size - 1);
		return (-1);
	}
	return (0);
}

static int
admin_connect(void)
{
	struct timeval		 tv = { ANSWER_S, 0 };
	struct sockaddr_un	 sun;
	int			 fd;

	if (socket_path == NULL)
		socket_path = getenv("CULVERT_SOCKET");
	if (socket_path == NULL)
		socket_path = CONTROL_SOCKET;
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, socket_path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		fprintf(stderr, "accessctl: %s: the path is too long\n",
		    socket_path);
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) ==
	    -1) {
		fprintf(stderr, "accessctl: %s: %s; %s\n", socket_path,
		    strerror(errno), errno == EACCES ?
		    "administration takes root, or the group of the socket" :
		    "is relayd running on this host?");
		if (fd != -1)
			close(fd);
		return (-1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return (fd);
}

/* One message; 0: another may follow, 1: that was the end, -1. */
static int
admin_take(struct imsg *imsg, struct admin_answer *a)
{
	switch (imsg_get_type(imsg)) {
	case CTL_OK:
	case CTL_ERROR:
		if (imsg_get_data(imsg, &a->end, sizeof(a->end)) == -1)
			return (-1);
		a->end.text[sizeof(a->end.text) - 1] = '\0';
		if (imsg_get_type(imsg) == CTL_ERROR &&
		    a->end.code == CTL_CODE_OK)
			a->end.code = CTL_CODE_INTERNAL;
		return (1);
	default:
		if (a->record != NULL)
			a->record(a->arg, imsg_get_type(imsg), imsg);
		return (0);
	}
}

int
admin_ask(uint32_t type, const void *data, size_t len,
    struct admin_answer *a)
{
	struct imsgbuf	 ibuf;
	struct imsg	 imsg;
	int		 fd, n, end = 0;

	memset(&a->end, 0, sizeof(a->end));
	if ((fd = admin_connect()) == -1)
		return (EXIT_OTHER);
	if (imsgbuf_init(&ibuf, fd) == -1 ||
	    imsg_compose(&ibuf, type, 0, 0, -1, data, len) == -1 ||
	    imsgbuf_flush(&ibuf) == -1)
		goto broken;
	while (!end) {
		while (!end && (n = imsgbuf_get(&ibuf, &imsg)) == 1) {
			end = admin_take(&imsg, a);
			imsg_free(&imsg);
		}
		if (!end && (n == -1 || (n = imsgbuf_read(&ibuf)) == -1 ||
		    n == 0))
			end = -1;
		if (end == -1)
			goto broken;
	}
	imsgbuf_clear(&ibuf);
	close(fd);
	if (a->end.code != CTL_CODE_OK) {
		fprintf(stderr, "accessctl: %s\n", a->end.text[0] != '\0' ?
		    a->end.text : "the relay refuses");
		return (EXIT_OTHER);
	}
	return (EXIT_OK);
 broken:
	fprintf(stderr, "accessctl: relayd has hung up without an answer; "
	    "its log may say why\n");
	imsgbuf_clear(&ibuf);
	close(fd);
	return (EXIT_OTHER);
}

int
admin_do(uint32_t type, const void *data, size_t len)
{
	struct admin_answer	 a = { .record = NULL };
	int			 status;

	status = admin_ask(type, data, len, &a);
	if (status == EXIT_OK && a.end.text[0] != '\0')
		printf("%s\n", a.end.text);
	return (status);
}
