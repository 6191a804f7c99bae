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

#ifndef CONTROL_REQ_H
#define CONTROL_REQ_H

#include "control.h"

/*
 * What is asked of the router at the control socket, as lib/ctl.h says:
 * check, run or pass on, answer.
 */

struct imsg;
struct proc_peer;

struct control_request {
	uint32_t	 type;
	size_t		 size;
	int		 (*check)(const union control_payload *);
	void		 (*run)(struct control *);
	const char	*name;		/* of what changes something */
};

extern const struct control_ops	 control_requests;

/* auth is gone, or this stream: what waits for it ends. */
void	control_auth_gone(void);
void	control_stream_down(uint64_t);
int	control_recv_record(struct proc_peer *, struct imsg *);
int	control_recv_end(struct proc_peer *, struct imsg *);
/* A copy of the store, for the client who asked for it. */
int	control_recv_file(struct proc_peer *, struct imsg *);

/* control_check.c: is a payload of the shape that it should have?  1 or 0. */
int	control_check_name(const union control_payload *);
int	control_check_rename(const union control_payload *);
int	control_check_user(const union control_payload *);
int	control_check_token(const union control_payload *);
int	control_check_grant(const union control_payload *);
int	control_check_publish(const union control_payload *);
int	control_check_site(const union control_payload *);
int	control_check_domain(const union control_payload *);
int	control_check_session(const union control_payload *);
int	control_check_limit(const union control_payload *);
int	control_check_traffic(const union control_payload *);
int	control_check_pair(const union control_payload *);

/*
 * control_record.c: a request has ended, like this; if it was one that changes
 * something, the audit log gets a line.
 */
void	control_record(const struct control *, const struct ctl_end *);

/* control_stats.c: answer with all figures, as the listeners have told them. */
void	control_stats(struct control *);

/* control_audit.c: lines of the audit log, page by page, as auth reads it. */
int	control_audit_check(const union control_payload *);
void	control_audit_run(struct control *);
/* The client has room for more; a page, or the time between, took long. */
void	control_audit_go_on(struct control *);
int	control_audit_line(struct proc_peer *, struct imsg *);
int	control_audit_page(struct proc_peer *, struct imsg *);

/* control_memory.c: one process after the other, page by page. */
int	control_memory_check(const union control_payload *);
void	control_memory_run(struct control *);
void	control_memory_go_on(struct control *);
void	control_memory_late(struct control *);
int	control_memory_line(struct proc_peer *, struct imsg *);
int	control_memory_page(struct proc_peer *, struct imsg *);

#endif /* CONTROL_REQ_H */
