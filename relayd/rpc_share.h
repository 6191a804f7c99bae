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


#ifndef RPC_SHARE_H
#define RPC_SHARE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The memory of the rpc door in this process, and who has it: a user, or who
 * has none an address.  Messages that never end, and answers that are not
 * read, may take what is free, but not what others need.
 */

struct conn;
struct rpc_share;

/* So many bytes for all; a share in which one request finds room, bytes. */
void		 rpc_share_conf(uint64_t, size_t);
/* Of whoever is at this connection: a reference, for rpc_share_unref.  NULL:
   no memory. */
struct rpc_share *rpc_share_of(const struct conn *);
struct rpc_share *rpc_share_ref(struct rpc_share *);	/* takes NULL */
void		 rpc_share_unref(struct rpc_share *);	/* likewise */

/*
 * rpc_hold: so many bytes more; 0, or -1: that would be too many.  rpc_take:
 * they are there already.  rpc_release: so many are not held any more.  A
 * share of NULL is nobody's.
 */
int		 rpc_hold(struct rpc_share *, size_t);
void		 rpc_take(struct rpc_share *, size_t);
void		 rpc_release(struct rpc_share *, size_t);

#endif /* RPC_SHARE_H */
