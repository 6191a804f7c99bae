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

#ifndef LOG_H
#define LOG_H

#include <stdarg.h>

/*
 * Log lines go to descriptor 2, always: a terminal, a file or the journal
 * that started us, or else a pipe whose lines the parent passes on to syslog
 * or the journal (log_sink.h), so a process needs neither a file nor a socket
 * to be heard from inside its sandbox.  Each line is written with one
 * write(2), and every byte of it outside printable ASCII is encoded as vis(3)
 * does: nothing from the network reaches a terminal raw.
 */

enum log_style {
	LOG_STYLE_TERMINAL,	/* "date process[pid]: text" */
	LOG_STYLE_COMMAND,	/* "process: text", for what a person typed */
	LOG_STYLE_PIPE		/* "<syslog level>process[pid]: text" */
};

/*
 * How much is logged: links, log-ins and what is wrong; streams, too; or
 * whatever may help to find a fault.
 */
enum log_level {
	LOG_LEVEL_BRIEF,
	LOG_LEVEL_VERBOSE,
	LOG_LEVEL_DEBUG
};

/*
 * log_init: name the process (copied, at most 31 bytes) and pick the style
 * and enum log_level.
 */
void	log_init(const char *, enum log_style, int);
/* An enum log_level. */
void	log_setverbose(int);
int	log_getverbose(void);
/* "brief", "verbose", "debug"; and back: 0, or -1. */
const char *log_level_name(int);
int	log_level_parse(const char *, int *);
/*
 * The style for standard error: lines bear their level where it is the
 * journal, which reads that, and the time where it is not.
 */
enum log_style log_style_stderr(void);

/* Ordinary lines; log_warn adds strerror(errno), the x forms do not. */
void	log_warn(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_warnx(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_info(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
/* From LOG_LEVEL_VERBOSE and LOG_LEVEL_DEBUG on. */
void	log_verbose(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_debug(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));

/*
 * log_divert: hand lines, with their level as of syslog(3), to this instead
 * of descriptor 2; for a command without processes of its own that has left
 * its terminal.
 */
void	log_divert(void (*)(int, const char *));

/* The end of this process: start-up, lost memory, broken invariants. */
void	fatal(const char *, ...) __attribute__((__noreturn__,
	    __format__ (printf, 1, 2)));
void	fatalx(const char *, ...) __attribute__((__noreturn__,
	    __format__ (printf, 1, 2)));

#endif /* LOG_H */
