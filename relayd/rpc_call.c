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
 * A request of a paired client to its own node.
 */

#include "compat.h"

#include <stdlib.h>

#include "door_rpc.h"

struct rpc_call {
	struct rpc_request	*request;
};

struct rpc_call *
rpc_call_new(struct rpc_request *r, const json_t *object, uint8_t *body,
    size_t len, const char **error)
{
	free(body);
	*error = "relay_error";
	return (NULL);
}

void
rpc_call_free(struct rpc_call *call)
{
	free(call);
}

void
rpc_call_go_on(struct rpc_call *call)
{
}
