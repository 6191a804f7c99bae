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
 * Log lines go to descriptor 2, always: a terminal or a file in the
 * foreground, a pipe that the parent forwards to syslog(3) otherwise, so a
 * process needs neither a file nor a socket to be heard from inside its
 * sandbox.  Each line is written with one write(2), and every byte of it
 * outside printable ASCII is encoded as vis(3) does: nothing from the
 * network reaches a terminal raw.
 */

enum log_style {
	LOG_STYLE_TERMINAL,	/* "date process[pid]: text" */
	LOG_STYLE_COMMAND,	/* "process: text", for what a person typed */
	LOG_STYLE_PIPE		/* "<syslog level>process[pid]: text" */
};

/*
 * log_init: name the process (copied, at most 31 bytes) and pick the style.
 * verbose: 0 brief, 1 or more also log_debug lines.
 */
void	log_init(const char *, enum log_style, int);
void	log_setverbose(int);
int	log_getverbose(void);

/* Ordinary lines; log_warn adds strerror(errno), the x forms do not. */
void	log_warn(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_warnx(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_info(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
void	log_debug(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));

/* The end of this process: start-up, lost memory, broken invariants. */
void	fatal(const char *, ...) __attribute__((__noreturn__,
	    __format__ (printf, 1, 2)));
void	fatalx(const char *, ...) __attribute__((__noreturn__,
	    __format__ (printf, 1, 2)));

#endif /* LOG_H */
