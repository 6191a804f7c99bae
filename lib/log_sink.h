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

#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <sys/types.h>

#include <stddef.h>
#include <time.h>

/*
 * Where a daemon's parent takes the lines of all its processes: syslogd, by
 * the datagrams of RFC 3164, or systemd's journal, by its native protocol.
 * Sending never blocks: while the other end is away, or stands still, lines
 * are lost and counted, and the next one that gets through says how many.
 */

enum log_dest {
	LOG_DEST_DEFAULT,	/* syslog; standard error in the foreground */
	LOG_DEST_STDERR,
	LOG_DEST_SYSLOG,
	LOG_DEST_JOURNAL
};

#define LOG_SINK_LINE	4096		/* a whole datagram, bytes */

struct log_sink;

/* What is said, by whom; without a newline, printable. */
struct log_record {
	int		 level;		/* as of syslog(3) */
	const char	*process;	/* "router" */
	pid_t		 pid;		/* its */
	const char	*text;
};

/* "syslog", "stderr", "journal"; "daemon", "local0": 0, or -1. */
int		 log_dest_parse(const char *, enum log_dest *);
int		 log_facility_parse(const char *, int *);

/*
 * log_sink_new: to syslog or the journal, as ident, with a facility of
 * syslog(3); path: of their socket, or NULL for the usual one.  It need not
 * be there yet.  NULL without memory.
 */
struct log_sink	*log_sink_new(enum log_dest, const char *, int, const char *);
void		 log_sink_send(struct log_sink *, const struct log_record *);
void		 log_sink_free(struct log_sink *);

/*
 * The two datagrams, into a buffer; their length, which is cut if need be.
 * ident and pid: of the daemon.
 */
size_t		 log_sink_syslog(char *, size_t, const char *, int, pid_t,
		    time_t, const struct log_record *);
size_t		 log_sink_journal(char *, size_t, const char *, int, pid_t,
		    const struct log_record *);

#endif /* LOG_SINK_H */
