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

#ifndef TUNNEL_H
#define TUNNEL_H

#include <event2/event.h>

#include "agentd.h"
#include "link.h"

/*
 * The tunnel process: what its files share.
 *
 *	tunnel.c	the link and its return
 *	tunnel_conf.c	the configuration as the parent sends it
 *	tunnel_left.c	links that were left for a newer one
 *	tunnel_link.c	streams: asked for by the relay, connected by proxy
 *	tunnel_pair.c	codes that are offered to the relay
 *	tunnel_status.c	what is asked at the control socket
 *
 * Functions with recv in their names are handlers of messages, as struct
 * proc_rule has them; the table in tunnel.c says of which.
 */

struct control;
struct ctl_agent;
struct ctl_agent_stream;

struct tunnel_conf {
	struct conf_begin	 begin;
	struct relay_url	 relays[RELAYS_MAX];
	struct egress		 ways[RELAYS_MAX];	/* no secrets */
	size_t			 nrelays;
	char			*ca;
	size_t			 ca_len;
};

/* tunnel.c */
extern struct mux_budget	 budget;
/* 1: the event loop runs, start-up is over. */
int	 tunnel_serves(void);
/* There is a new configuration: begin again with it. */
void	 tunnel_configured(void);

/* tunnel_conf.c */
extern struct tunnel_conf	 conf;
extern struct evtls_client	*trust;		/* NULL: no relay needs it */
extern struct mux_hello		 hello;		/* ours */
int	 conf_recv_begin(struct proc_peer *, struct imsg *);
int	 conf_recv_relay(struct proc_peer *, struct imsg *);
int	 conf_recv_ca(struct proc_peer *, struct imsg *);
int	 conf_recv_end(struct proc_peer *, struct imsg *);

/* tunnel_link.c */
/* The relay opens a stream on our link. */
void	 target_open(struct mux_stream *, const struct mux_open *);
int	 target_recv_connected(struct proc_peer *, struct imsg *);
int	 target_recv_failed(struct proc_peer *, struct imsg *);
int	 target_recv_ended(struct proc_peer *, struct imsg *);
/* proxy is gone: what it was connecting will not be. */
void	 targets_proxy_gone(void);
/* Fill in what concerns streams: open ones, totals. */
void	 target_totals(struct ctl_agent *);
/* The stream with the lowest id above this: 0, or -1: no more. */
int	 target_next(uint32_t, struct ctl_agent_stream *);

/* tunnel.c: the answer to IMSG_DIAL; the descriptor is taken over, -1: it
   failed (enum mux_code, and why). */
void	 tunnel_dialled(uint32_t, int, uint16_t, const char *);
/* Is that the number of the IMSG_DIAL that is under way? */
int	 tunnel_is_dial(uint32_t);
/* A number for the next question to proxy or the parent. */
uint32_t tunnel_next_id(void);
/* Fill in what concerns the link. */
void	 tunnel_state(struct ctl_agent *);

/* The link that is up, or NULL; what the node is called. */
struct link *tunnel_link(void);
const char *tunnel_name(void);

/* tunnel_left.c */
/* There is a newer link; the last one of very many left ones ends. */
void	 left_add(struct link *);
/* It has ended, or will: 1 if it was one that was left. */
int	 left_forget(const struct link *);
/* Close all. */
void	 left_close(int, const char *);
size_t	 left_count(void);

/* tunnel_pair.c: CTL_PAIR, answered when the relay has said something. */
void	 pair_offer(struct control *);

/* tunnel_status.c */
/* The event loop is about to run. */
void	 status_serve(void);
int	 status_recv_control(struct proc_peer *, struct imsg *);
int	 status_recv_backend(struct proc_peer *, struct imsg *);
/* "up", "failed" or "ended": a relay, the way to it, and why. */
void	 status_note(const char *, const char *, const char *, const char *);

#endif /* TUNNEL_H */
