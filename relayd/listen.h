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

#ifndef LISTEN_H
#define LISTEN_H

struct relayd_conf;
struct sockaddr_storage;

/*
 * listen_open: open the sockets of every `listen on`, one per listener
 * process, taking over from old (may be NULL) those that it has already.
 * Returns 0, or -1 (logged) with nothing changed in old.
 */
int	listen_open(struct relayd_conf *, struct relayd_conf *);
/*
 * Sockets of this type (SOCK_STREAM or SOCK_DGRAM).  listen_free: has nobody
 * this address?  0, or -1 with errno.  listen_socket: one that shares the
 * port with others of ours, or -1 with errno.
 */
int	listen_free(const struct sockaddr_storage *, int);
int	listen_socket(const struct sockaddr_storage *, int);
/*
 * Before another listener gets it: the one that had it may have shut it down,
 * and nobody would be accepted on it any more.
 */
void	listen_again(int);
/* Whether listen_open would work: nothing is opened for good. */
int	listen_rehearse(struct relayd_conf *, struct relayd_conf *);
/* The control socket, bound with its mode and group; -1 (logged). */
int	listen_control(const struct relayd_conf *);

#endif /* LISTEN_H */
