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

#ifndef STDFD_H
#define STDFD_H

/*
 * stdfd_open: to be called first of all.  Where standard input, output or
 * error was closed by whoever started us, the next file or socket would take
 * its number, and what is printed would be written there.  /dev/null is put
 * in its place: an empty input, an output that fails to be written to, as a
 * closed one does, and an error output that takes all.  Ends the program if
 * that can't be done.
 */
void	stdfd_open(void);

#endif /* STDFD_H */
