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
 * The audit log.  It may be long, and it has no end when it is followed, so
 * each line is printed when it comes.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

#define SINCE_DEFAULT	86400
#define AWAY_S		60	/* relayd may be, when it is started again */
#define QUICK_S		3	/* to hang up so soon */
#define QUICK_MAX	5	/* ... and so often is no replacement */

enum { OPT_SINCE = 256, OPT_USER, OPT_NODE };

static const struct field	 audit_fields[] = {
	{ "id", NULL, FIELD_NUMBER, offsetof(struct ctl_audit, id), NULL },
	{ "time", NULL, FIELD_TIME, offsetof(struct ctl_audit, at), NULL },
	{ "what", NULL, FIELD_TEXT, offsetof(struct ctl_audit, what), NULL },
	{ "user", NULL, FIELD_TEXT, offsetof(struct ctl_audit, email), NULL },
	{ "token", NULL, FIELD_TEXT, offsetof(struct ctl_audit, token_id),
	    NULL },
	{ "node", NULL, FIELD_TEXT, offsetof(struct ctl_audit, node), NULL },
	{ "address", NULL, FIELD_TEXT, offsetof(struct ctl_audit, addr),
	    NULL },
	{ "target", NULL, FIELD_TEXT, offsetof(struct ctl_audit, target),
	    NULL },
	{ "duration_ms", NULL, FIELD_NUMBER, offsetof(struct ctl_audit, ms),
	    NULL },
	{ "bytes_in", NULL, FIELD_BYTES, offsetof(struct ctl_audit, in),
	    NULL },
	{ "bytes_out", NULL, FIELD_BYTES, offsetof(struct ctl_audit, out),
	    NULL },
	{ "text", NULL, FIELD_TEXT, offsetof(struct ctl_audit, text), NULL },
};

/* What has been printed. */
static struct {
	int		 follow;
	unsigned long	 lines;
	uint64_t	 last;	/* id */
} shown;

static void	audit_line(const void *, void *);
static void	audit_text(const struct ctl_audit *);
static int	audit_word(const char *, const char *);
static int	audit_carries(const struct ctl_audit *);
static int	audit_unread(void);
static int	audit_options(int, char **, struct ctl_audit_ask *);
static int	audit_ask(struct ctl_audit_ask *);

/* " from 192.0.2.1:22", if there is anything to say: was there? */
static int
audit_word(const char *before, const char *word)
{
	char	 clean[512];

	if (word[0] == '\0')
		return (0);
	print_clean(word, clean, sizeof(clean));
	printf("%s%s", before, clean);
	return (1);
}

/* What lasts and carries bytes; of all else figures say nothing. */
static int
audit_carries(const struct ctl_audit *a)
{
	if (strcmp(a->what, "stream") != 0 &&
	    strcmp(a->what, "link down") != 0)
		return (0);
	return (a->ms > 0 || a->in > 0 || a->out > 0);
}

static void
audit_text(const struct ctl_audit *a)
{
	char		 when[32], in[16], out[16];
	int		 said = 0;

	print_second(a->at, when, sizeof(when));
	printf("%s ", when);
	(void)audit_word("", a->what);
	printf(":");
	said |= audit_word(" ", a->email);
	said |= audit_word(" token ", a->token_id);
	said |= audit_word(" from ", a->addr);
	said |= audit_word(" node ", a->node);
	said |= audit_word(" to ", a->target);
	if (audit_carries(a)) {
		print_bytes(a->in, in, sizeof(in));
		print_bytes(a->out, out, sizeof(out));
		printf("%s %llu.%03u s, %s in, %s out", said ? "," : "",
		    (unsigned long long)a->ms / 1000,
		    (unsigned int)(a->ms % 1000), in, out);
		said = 1;
	}
	(void)audit_word(said ? ": " : " ", a->text);
	printf("\n");
}

static void
audit_line(const void *rec, void *arg)
{
	const struct ctl_audit	*a = rec;

	if (json) {
		/* Followed, there is no end that could close an array. */
		if (!shown.follow)
			fputs(shown.lines == 0 ? "[\n" : ",\n", stdout);
		print_record(audit_fields, nitems(audit_fields), a, stdout);
		if (shown.follow)
			fputs("\n", stdout);
	} else
		audit_text(a);
	shown.lines++;
	shown.last = a->id;
	if ((shown.follow && fflush(stdout) == EOF) || ferror(stdout)) {
		if (audit_unread())
			exit(EXIT_CUT);
		(void)print_end(stdout);
		exit(EXIT_OTHER);
	}
}

/* Whoever read what is followed has gone, which is how that may end. */
static int
audit_unread(void)
{
	return (shown.follow && stdio_reader_gone(STDOUT_FILENO) == 1);
}

static int
audit_options(int argc, char **argv, struct ctl_audit_ask *ask)
{
	static const struct option	 options[] = {
		{ "since",	required_argument, NULL, OPT_SINCE },
		{ "user",	required_argument, NULL, OPT_USER },
		{ "node",	required_argument, NULL, OPT_NODE },
		{ "follow",	no_argument, NULL, 'f' },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	int64_t				 s = SINCE_DEFAULT;
	int				 ch;

	while ((ch = getopt_long(argc, argv, "f" OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		switch (ch) {
		case OPT_SINCE:
			if (strcmp(optarg, "all") == 0)
				s = 0;
			else if (spec_duration(optarg, &s) == -1 || s == 0) {
				log_warnx("since %s: 30m, 12h, 7d or all",
				    optarg);
				return (-1);
			}
			break;
		case OPT_USER:
			if (admin_word(ask->email, sizeof(ask->email), "user",
			    optarg) == -1)
				return (-1);
			break;
		case OPT_NODE:
			if (admin_word(ask->node, sizeof(ask->node), "node",
			    optarg) == -1)
				return (-1);
			break;
		case 'f':
			shown.follow = ask->follow = 1;
			break;
		default:
			if (!admin_option(ch, optarg))
				return (-1);
		}
	}
	if (argc != optind) {
		usage();
		return (-1);
	}
	ask->since = s == 0 ? 0 : (int64_t)time(NULL) - s;
	if (ask->since < 0)
		ask->since = 0;
	return (0);
}

/*
 * relayd, or its router, may be replaced: the rest is asked of the next.  1
 * when nobody reads it any more.
 */
static int
audit_ask(struct ctl_audit_ask *ask)
{
	struct ctl_end	 end;
	time_t		 asked;
	int		 n, quick = 0;

	for (;;) {
		asked = time(NULL);
		n = control_ask(CTL_AUDIT, ask, sizeof(*ask), CTL_AUDIT_LINE,
		    sizeof(struct ctl_audit), audit_line, NULL, &end);
		if (n == 2 || (n == 1 && audit_unread()))
			return (1);
		if (n != 1)
			return (n);
		quick = time(NULL) - asked < QUICK_S ? quick + 1 : 0;
		if (quick == QUICK_MAX) {
			log_warnx("relayd hangs up each time: its log may "
			    "say why");
			return (-1);
		}
		ask->after = shown.last;
		sleep(1);
	}
}

int
cmd_audit(int argc, char **argv)
{
	struct ctl_audit_ask	 ask;
	int			 n;

	memset(&ask, 0, sizeof(ask));
	if (audit_options(argc, argv, &ask) == -1)
		return (EXIT_USAGE);
	if (ask.follow) {
		control_patience(-1);
		control_outlive(AWAY_S);
		control_reader(STDOUT_FILENO);
	}
	if ((n = audit_ask(&ask)) != 0)
		return (n == 1 ? EXIT_CUT : EXIT_OTHER);
	if (json)
		fputs(shown.lines == 0 ? "[]\n" : "\n]\n", stdout);
	return (EXIT_OK);
}
