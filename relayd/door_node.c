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
 * The node door: where agentd comes in.  GET /api/nodes/ws, signed with its
 * token's key; the node's name is in the field Culvert-Node.
 */

#include "compat.h"

#include <ctype.h>
#include <string.h>

#include "doors.h"
#include "link_client.h"
#include "listener.h"

void
door_node_request(struct conn *c, const struct http_head *head)
{
	const struct http_str	*field;
	char			 node[CTL_NAME_LEN];
	size_t			 i;

	field = http_field(head, "culvert-node");
	if (field == NULL || http_field_count(head, "culvert-node") != 1 ||
	    http_str_copy(field, node, sizeof(node)) == -1 ||
	    node[0] == '\0') {
		conn_error(c, head, 400,
		    "a node says its name in the field Culvert-Node", NULL);
		return;
	}
	for (i = 0; node[i] != '\0'; i++)
		node[i] = tolower((unsigned char)node[i]);
	login_request(c, head, DOOR_NODE, LINK_PATH_NODE, node);
}
