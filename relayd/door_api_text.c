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
 * The api door: figures as text.  Pure.  What labels there are does not grow
 * with users, nodes or addresses: listeners, kinds of processes, doors, codes
 * and the certificates of the configuration.
 */

#include "compat.h"

#include <inttypes.h>
#include <string.h>

#include "door_api.h"

static const char	*code_name(size_t);
static const char	*kind_name(uint32_t);
static void	json_listener(struct textbuf *, const struct api_figures *,
		    int);
static void	json_counts(struct textbuf *, const struct api_figures *);
static void	metric(struct textbuf *, const char *, const char *,
		    const char *);
static void	metric_one(struct textbuf *, const char *, const char *,
		    const char *, uint64_t);
static void	metrics_links(struct textbuf *, const struct figures *);
static void	metrics_listeners(struct textbuf *, const struct figures *);
static void	metric_process(struct textbuf *, const char *,
		    const struct process_usage *, uint64_t, uint64_t);
static void	metrics_processes(struct textbuf *, const struct figures *);
static void	metrics_certs(struct textbuf *, const struct api_figures *);

/* Of those that speak HTTP. */
static const char *const doors[DOORS] = {
	[0] = "other", [DOOR_NODE] = "node", [DOOR_ACCESS] = "access",
	[DOOR_API] = "api", [DOOR_HTTP] = "http", [DOOR_RPC] = "rpc"
};
static const char *const responses[RESPONSES] = {
	"none", "1xx", "2xx", "3xx", "4xx", "5xx"
};
static const char *const statuses[LOGIN_STATUSES] = {
	"401", "403", "409", "421", "429", "503", "other"
};

static const char *
code_name(size_t code)
{
	return (code == FIGURES_CODES - 1 ? "other" : mux_code_name(code));
}

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[PROC_KINDS] = {
		"parent", "keys", "auth", "router", "listener"
	};

	return (kind < PROC_KINDS ? names[kind] : "other");
}

/* ---- JSON ---- */

static void
json_listener(struct textbuf *t, const struct api_figures *a, int i)
{
	const struct listener_stats	*l = &a->f.listener[i];
	int				 d;

	textbuf_add(t, "{\"listener\":%d,\"connections\":%" PRIu64
	    ",\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64
	    ",\"handshakes_failed\":%" PRIu64 ",\"buffered_bytes\":%" PRIu64
	    ",\"credit_bytes\":%" PRIu64 ",\"datagrams_lost\":%" PRIu64
	    ",\"requests\":{", i, l->connections, l->accepted, l->refused,
	    l->handshakes_failed, l->buffered, l->credit, l->lost);
	for (d = 0; d < DOORS; d++) {
		if (doors[d] != NULL)
			textbuf_add(t, "%s\"%s\":%" PRIu64, d > 0 ? "," : "",
			    doors[d], l->requests[d]);
	}
	textbuf_add(t, "}}");
}

static void
json_counts(struct textbuf *t, const struct api_figures *a)
{
	const struct figures	*f = &a->f;
	uint64_t		 denied;
	size_t			 i;
	int			 s;

	textbuf_add(t, "\"links\":{\"nodes\":%" PRIu64 ",\"clients\":%" PRIu64
	    ",\"flaps\":%" PRIu64 "},\"sessions\":%" PRIu64 ",", f->nodes,
	    f->clients, f->flaps, f->sessions);
	textbuf_add(t, "\"streams\":{\"open\":%" PRIu64 ",\"total\":%" PRIu64
	    ",\"unrecorded\":%" PRIu64 ",\"closed\":{", f->streams,
	    f->streams_total, f->streams_lost);
	for (i = 0; i < FIGURES_CODES; i++) {
		textbuf_add(t, i > 0 ? "," : "");
		textbuf_json(t, code_name(i));
		textbuf_add(t, ":%" PRIu64, f->closed[i]);
	}
	textbuf_add(t, "}},\"bytes\":{\"from_targets\":%" PRIu64
	    ",\"to_targets\":%" PRIu64 ",\"from_nodes\":%" PRIu64
	    ",\"to_nodes\":%" PRIu64 ",\"from_clients\":%" PRIu64
	    ",\"to_clients\":%" PRIu64 "},", f->stream_in, f->stream_out,
	    f->node_in, f->node_out, f->client_in, f->client_out);
	textbuf_add(t, "\"logins\":{\"total\":%" PRIu64 ",\"over_limit\":%"
	    PRIu64 ",\"denied\":{", f->logins, f->logins_refused);
	for (s = 0; s < LOGIN_STATUSES; s++) {
		denied = 0;
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			denied += f->listener[i].denied[s];
		textbuf_add(t, "%s\"%s\":%" PRIu64, s > 0 ? "," : "",
		    statuses[s], denied);
	}
	textbuf_add(t, "}},\"routes\":{\"tickets\":%" PRIu64
	    ",\"waiting\":%" PRIu64 "},\"audit_lost\":%" PRIu64 ",",
	    f->tickets, f->asks, f->audit_lost);
}

void
api_stats_json(struct textbuf *t, const struct api_figures *a)
{
	const struct figures	*f = &a->f;
	uint64_t		 buffered = 0, credit = 0, rss = 0;
	const char		*sep = "";
	size_t			 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		buffered += f->listener[i].buffered;
		credit += f->listener[i].credit;
	}
	for (i = 0; i < f->nusage; i++)
		rss += f->usage[i].rss;
	textbuf_add(t, "{\"name\":\"culvert\",\"version\":\"%s\","
	    "\"started\":%" PRId64 ",\"uptime_s\":%" PRId64 ",",
	    CULVERT_VERSION, a->started, a->now - a->started);
	json_counts(t, a);
	textbuf_add(t, "\"memory\":{\"resident_bytes\":%" PRIu64
	    ",\"buffered_bytes\":%" PRIu64 ",\"credit_bytes\":%" PRIu64
	    "},\"listeners\":[", rss, buffered, credit);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if ((f->listeners & 1ULL << i) == 0)
			continue;
		textbuf_add(t, "%s", sep);
		json_listener(t, a, i);
		sep = ",";
	}
	textbuf_add(t, "],\"processes\":[");
	for (i = 0; i < f->nusage; i++)
		textbuf_add(t, "%s{\"process\":\"%s\",\"instance\":%" PRId32
		    ",\"resident_bytes\":%" PRIu64 ",\"cpu_s\":%" PRIu64
		    ".%06" PRIu64 ",\"started\":%" PRId64 ",\"starts\":%"
		    PRIu32 "}", i > 0 ? "," : "", kind_name(f->usage[i].kind),
		    f->usage[i].instance, f->usage[i].rss,
		    f->usage[i].cpu_us / 1000000, f->usage[i].cpu_us % 1000000,
		    f->usage[i].started, f->usage[i].starts);
	textbuf_add(t, "],\"certificates\":[");
	for (i = 0; i < a->ncerts; i++) {
		textbuf_add(t, i > 0 ? ",{\"name\":" : "{\"name\":");
		textbuf_json(t, a->certs[i].name);
		textbuf_add(t, ",\"ends\":%" PRId64 ",\"expires_s\":%" PRId64
		    "}", a->certs[i].ends, a->certs[i].ends - a->now);
	}
	textbuf_add(t, "]}\n");
}

/* ---- Prometheus, text format 0.0.4 ---- */

static void
metric(struct textbuf *t, const char *name, const char *type,
    const char *help)
{
	textbuf_add(t, "# HELP culvert_%s %s\n# TYPE culvert_%s %s\n", name,
	    help, name, type);
}

static void
metric_one(struct textbuf *t, const char *name, const char *type,
    const char *help, uint64_t v)
{
	metric(t, name, type, help);
	textbuf_add(t, "culvert_%s %" PRIu64 "\n", name, v);
}

static void
metrics_links(struct textbuf *t, const struct figures *f)
{
	size_t	 i;

	metric(t, "links", "gauge", "Links that are up, by kind of peer.");
	textbuf_add(t, "culvert_links{peer=\"node\"} %" PRIu64 "\n"
	    "culvert_links{peer=\"client\"} %" PRIu64 "\n", f->nodes,
	    f->clients);
	metric(t, "link_bytes_total", "counter",
	    "Bytes of links, by kind of peer and direction.");
	textbuf_add(t,
	    "culvert_link_bytes_total{peer=\"node\",direction=\"in\"} %"
	    PRIu64 "\n"
	    "culvert_link_bytes_total{peer=\"node\",direction=\"out\"} %"
	    PRIu64 "\n"
	    "culvert_link_bytes_total{peer=\"client\",direction=\"in\"} %"
	    PRIu64 "\n"
	    "culvert_link_bytes_total{peer=\"client\",direction=\"out\"} %"
	    PRIu64 "\n", f->node_in, f->node_out, f->client_in,
	    f->client_out);
	metric_one(t, "link_flaps_total", "counter",
	    "Times that two devices took turns with one identity.", f->flaps);
	metric_one(t, "sessions", "gauge", "Log-ins that hold.", f->sessions);
	metric_one(t, "streams", "gauge", "Streams that are open.",
	    f->streams);
	metric_one(t, "streams_opened_total", "counter",
	    "Streams that were opened.", f->streams_total);
	metric(t, "streams_closed_total", "counter",
	    "Streams that have ended, by how.");
	for (i = 0; i < FIGURES_CODES; i++) {
		textbuf_add(t, "culvert_streams_closed_total{reason=");
		textbuf_label(t, code_name(i));
		textbuf_add(t, "} %" PRIu64 "\n", f->closed[i]);
	}
	metric_one(t, "streams_unrecorded_total", "counter",
	    "Streams that were too many to be on record.", f->streams_lost);
	metric(t, "stream_bytes_total", "counter",
	    "Bytes of streams, from and to their targets.");
	textbuf_add(t, "culvert_stream_bytes_total{direction=\"in\"} %" PRIu64
	    "\nculvert_stream_bytes_total{direction=\"out\"} %" PRIu64 "\n",
	    f->stream_in, f->stream_out);
	metric_one(t, "tickets", "gauge", "Ways from a client to a node.",
	    f->tickets);
	metric_one(t, "routes_waiting", "gauge",
	    "Questions for a way that are not yet answered.", f->asks);
	metric_one(t, "logins_total", "counter", "Log-ins.", f->logins);
	metric_one(t, "logins_over_limit_total", "counter",
	    "Log-ins of users that had too many links.", f->logins_refused);
	metric_one(t, "audit_lost_total", "counter",
	    "Lines that the audit log lacks.", f->audit_lost);
}

static const struct {
	const char	*name, *type, *help;
	size_t		 offset;
} listener_metrics[] = {
	{ "connections", "gauge", "Connections that are open.",
	    offsetof(struct listener_stats, connections) },
	{ "connections_accepted_total", "counter",
	    "Connections that were accepted.",
	    offsetof(struct listener_stats, accepted) },
	{ "connections_refused_total", "counter",
	    "Connections that were refused at a limit.",
	    offsetof(struct listener_stats, refused) },
	{ "handshakes_failed_total", "counter",
	    "Connections that ended before the end of the TLS handshake.",
	    offsetof(struct listener_stats, handshakes_failed) },
	{ "buffered_bytes", "gauge", "Bytes that wait in connections.",
	    offsetof(struct listener_stats, buffered) },
	{ "credit_bytes", "gauge",
	    "Memory that is reserved for the windows of streams.",
	    offsetof(struct listener_stats, credit) },
	{ "datagrams_lost_total", "counter",
	    "Datagrams that gave way to newer ones, or were over a limit.",
	    offsetof(struct listener_stats, lost) },
};

static void
metrics_listeners(struct textbuf *t, const struct figures *f)
{
	uint64_t	 v;
	size_t		 i, m, s;

	for (m = 0; m < nitems(listener_metrics); m++) {
		metric(t, listener_metrics[m].name, listener_metrics[m].type,
		    listener_metrics[m].help);
		for (i = 0; i < PROC_INSTANCES_MAX; i++) {
			if ((f->listeners & 1ULL << i) == 0)
				continue;
			memcpy(&v, (const char *)&f->listener[i] +
			    listener_metrics[m].offset, sizeof(v));
			textbuf_add(t, "culvert_%s{listener=\"%zu\"} %" PRIu64
			    "\n", listener_metrics[m].name, i, v);
		}
	}
	metric(t, "requests_total", "counter", "Requests of HTTP, by door.");
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		for (s = 0; s < DOORS && f->listeners & 1ULL << i; s++) {
			if (doors[s] == NULL)
				continue;
			textbuf_add(t, "culvert_requests_total{listener="
			    "\"%zu\",door=\"%s\"} %" PRIu64 "\n", i,
			    doors[s], f->listener[i].requests[s]);
		}
	}
	metric(t, "http_responses_total", "counter",
	    "Responses of the http door, by class of status.");
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		for (s = 0; s < RESPONSES && f->listeners & 1ULL << i; s++)
			textbuf_add(t, "culvert_http_responses_total"
			    "{listener=\"%zu\",status=\"%s\"} %" PRIu32 "\n",
			    i, responses[s], f->listener[i].responses[s]);
	}
	metric(t, "logins_denied_total", "counter",
	    "Log-ins that were denied, by status.");
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		for (s = 0; s < LOGIN_STATUSES && f->listeners & 1ULL << i; s++)
			textbuf_add(t, "culvert_logins_denied_total"
			    "{listener=\"%zu\",status=\"%s\"} %" PRIu64 "\n",
			    i, statuses[s], f->listener[i].denied[s]);
	}
}

static void
metric_process(struct textbuf *t, const char *name,
    const struct process_usage *u, uint64_t v, uint64_t us)
{
	textbuf_add(t, "culvert_process_%s{process=\"%s\",instance=\"%"
	    PRId32 "\"} %" PRIu64, name, kind_name(u->kind), u->instance, v);
	if (us > 0)
		textbuf_add(t, ".%06" PRIu64, us);
	textbuf_add(t, "\n");
}

static void
metrics_processes(struct textbuf *t, const struct figures *f)
{
	const struct process_usage	*u, *end = f->usage + f->nusage;

	metric(t, "process_resident_memory_bytes", "gauge",
	    "Resident memory of each process.");
	for (u = f->usage; u < end; u++)
		metric_process(t, "resident_memory_bytes", u, u->rss, 0);
	metric(t, "process_cpu_seconds_total", "counter",
	    "Processor time of each process.");
	for (u = f->usage; u < end; u++)
		metric_process(t, "cpu_seconds_total", u,
		    u->cpu_us / 1000000, u->cpu_us % 1000000);
	metric(t, "process_start_time_seconds", "gauge",
	    "When each process was started, since 1970.");
	for (u = f->usage; u < end; u++)
		metric_process(t, "start_time_seconds", u, u->started, 0);
	metric(t, "process_starts_total", "counter",
	    "How often each process was started.");
	for (u = f->usage; u < end; u++)
		metric_process(t, "starts_total", u, u->starts, 0);
}

/* Two may have the same name: of an ECDSA and an RSA key, say. */
static void
metrics_certs(struct textbuf *t, const struct api_figures *a)
{
	size_t	 i;

	metric(t, "certificate_expires_seconds", "gauge",
	    "How long until each certificate ends, less than 0 if it has.");
	for (i = 0; i < a->ncerts; i++) {
		textbuf_add(t, "culvert_certificate_expires_seconds"
		    "{certificate=\"%zu\",name=", i);
		textbuf_label(t, a->certs[i].name);
		textbuf_add(t, "} %" PRId64 "\n",
		    a->certs[i].ends - a->now);
	}
}

void
api_stats_metrics(struct textbuf *t, const struct api_figures *a)
{
	metric(t, "build_info", "gauge", "Always 1; the version.");
	textbuf_add(t, "culvert_build_info{version=\"" CULVERT_VERSION
	    "\"} 1\n");
	metric(t, "start_time_seconds", "gauge",
	    "When the relay was started, since 1970.");
	textbuf_add(t, "culvert_start_time_seconds %" PRId64 "\n",
	    a->started);
	metric(t, "uptime_seconds", "gauge", "Since then.");
	textbuf_add(t, "culvert_uptime_seconds %" PRId64 "\n",
	    a->now - a->started);
	metrics_links(t, &a->f);
	metrics_listeners(t, &a->f);
	metrics_processes(t, &a->f);
	metrics_certs(t, a);
}
