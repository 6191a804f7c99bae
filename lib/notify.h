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


#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * What a service manager is told of a daemon's state: the datagrams of
 * sd_notify(3) to the socket that NOTIFY_SOCKET names.  Without one all of
 * this does nothing.
 */

/*
 * Connect to the manager's socket, and hide it from children.  To be called
 * before the sandbox closes.
 */
void	 notify_open(void);
/* Its descriptor, or -1; and the same one, from before, for notify_open. */
int	 notify_descriptor(void);
void	 notify_take(int);
/* Say this: "READY=1", "STOPPING=1", ...  Never blocks. */
void	 notify_send(const char *);

#endif /* NOTIFY_H */
