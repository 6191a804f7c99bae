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

#ifndef DOOR_PASS_H
#define DOOR_PASS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * TLS that is not ours: for domains whose device has the certificate.  Where
 * there may be such a domain, the first bytes of a connection are looked at;
 * if the name in its hello is one of them, they and all that follows go to
 * the node as they are.
 */

struct conn;
struct evtls;
struct imsg;
struct proc_peer;
struct route;
struct stream_owner;

/* Is there any such domain, as far as is known? */
int	 door_pass_any(void);
int	 door_pass_recv_any(struct proc_peer *, struct imsg *);
/* See evtls_preface; so many bytes at most.  The hello is that of RFC 8446,
   4.1.2, its name in server_name (RFC 6066, 3). */
#define DOOR_PASS_MAX	TLS_HELLO_WIRE_MAX
ssize_t	 door_pass_preface(struct evtls *, void *, const uint8_t *, size_t);
/* The connection is gone, and with it who has not been passed on yet. */
void	 door_pass_forget(struct conn *);
/* Of the struct stream_owner of a site that is passed through: its routed; it
   has a new session; end all, with a mux code and a text for people, and how
   many that were. */
void	 passes_routed(struct stream_owner *, const char *,
	    const struct route *, uint32_t);
void	 passes_renew(struct stream_owner *);
uint32_t passes_kill(struct stream_owner *, uint16_t, const char *);
/* Is there anybody whose connection is passed on? */
int	 door_pass_busy(void);

#endif /* DOOR_PASS_H */
