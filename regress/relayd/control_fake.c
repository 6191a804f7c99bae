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
 * In place of the control socket, for tests of the router that are not about
 * it.
 */

#include "compat.h"

#include <imsg.h>

#include "control_req.h"
#include "router_fake.h"

const struct control_ops	 control_requests;
uint64_t			 fake_stream_gone;

void
control_listen(int fd)
{
}

void
control_serve(const struct control_ops *ops)
{
}

void
control_auth_gone(void)
{
}

void
control_stream_down(uint64_t id)
{
	fake_stream_gone = id;
}

int
control_recv_record(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_recv_file(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_memory_line(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_memory_page(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_audit_line(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}

int
control_audit_page(struct proc_peer *peer, struct imsg *imsg)
{
	return (0);
}
