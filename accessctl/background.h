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

#ifndef BACKGROUND_H
#define BACKGROUND_H

/*
 * Going to the background once all is well: until then what goes wrong is
 * said on the terminal, and is the exit status of what was called.
 *
 * background_begin: from here on this runs in a child.  The process that was
 * called waits for background_ready and ends with 0 then, or else as the
 * child does.
 *
 * background_ready: leave the terminal, and log to syslog from now on.  Not
 * from inside a sandbox.
 */
void	background_begin(void);
void	background_ready(void);

#endif /* BACKGROUND_H */
