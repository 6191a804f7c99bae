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

#ifndef ACCESSCTL_H
#define ACCESSCTL_H

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "link.h"
#include "login.h"
#include "relay_url.h"

/*
 * accessctl: what its files share.
 *
 *	accessctl.c	main, the table of commands, usage
 *	admin.c		the control socket: one request, its answers
 *	admin_user.c	users and tokens
 *	admin_node.c	nodes, connections, statistics, reload
 *	print.c		tables for people, JSON for programs
 *	login.c		logging a laptop in
 *	link.c		the link to the relay
 *	connect.c	standard input and output to a target
 *	forward.c	local ports that lead to targets
 *	nodes.c		what may be reached
 */

/* Exit status of connect, forward and nodes. */
enum exit_status {
	EXIT_OK = 0, EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3,
	EXIT_UNREACHABLE = 4, EXIT_DENIED = 5, EXIT_NO_NODE = 6,
	EXIT_OFFLINE = 7, EXIT_RELAY = 8, EXIT_PROTOCOL = 9, EXIT_CUT = 10
};

/*
 * A command: called with argv[0] its last word and its own arguments behind
 * it.  Returns the exit status of the program.
 */
struct command {
	const char	*name;		/* "user add" */
	const char	*args;		/* for the usage */
	const char	*help;		/* one line */
	int		 (*run)(int, char **);
};

extern const struct command	 commands[];
extern const size_t		 ncommands;

/* Print the command's usage to stderr; returns EXIT_USAGE. */
int	usage_of(const char *);
/* The program's own name for messages. */
extern const char	*program;
extern int		 verbose;

/* ---- admin.c ---- */

/* Called for each record of an answer: its type, payload, length. */
struct imsg;
struct admin_answer {
	void		(*record)(void *, uint32_t, struct imsg *);
	void		*arg;
	struct ctl_end	 end;
};

/*
 * admin_ask: send one request over the control socket and take the answers.
 * Returns EXIT_OK when it ended with CTL_OK, else prints why and returns
 * EXIT_OTHER.
 */
int	admin_ask(uint32_t, const void *, size_t, struct admin_answer *);
/* The same without records; prints the text of the end, if any. */
int	admin_do(uint32_t, const void *, size_t);
/* A name into a request's field; prints and returns -1 if it is too long. */
int	admin_name(char *, size_t, const char *, const char *);
/*
 * admin_options: parse --json and --socket, which every command takes, and
 * those given.  Returns like getopt_long, -1 at the end, '?' after printing.
 */
int	admin_getopt(int, char **, const struct option *);
extern int	 json;			/* --json was given */

/* ---- print.c ---- */

/*
 * Lists: rows of columns.  As a table, aligned, with a head; with --json, an
 * array of objects.  list_begin, then for each row list_row and a list_*
 * for each column in order, then list_end.
 */
struct list;
struct list	*list_begin(const char *const *, size_t);
void		 list_row(struct list *);
void		 list_string(struct list *, const char *);
void		 list_number(struct list *, uint64_t);
void		 list_bytes(struct list *, uint64_t);
void		 list_bool(struct list *, int, const char *, const char *);
void		 list_time(struct list *, int64_t);	/* 0: "-", null */
void		 list_end(struct list *);	/* prints and frees */

/* "30d", "12h", "90m", "10s", "never": seconds, 0 for never; -1. */
int	 parse_duration(const char *, int64_t *);
/* "node,connect" into bits; prints and returns -1 for unknown ones. */
int	 parse_scopes(const char *, uint32_t *);
void	 format_scopes(uint32_t, char *, size_t);

/* ---- link.c ---- */

/* Which relay, as whom: flags beat the environment beats the login file. */
struct relay_options {
	struct login	 login;
	int		 plaintext;
	char		*token_file;
};

/* long options that relay_option takes; put them into a command's table */
#define RELAY_OPTIONS							\
	{ "relay",		required_argument, NULL, OPT_RELAY },	\
	{ "relay-url",		required_argument, NULL, OPT_RELAY },	\
	{ "token",		required_argument, NULL, OPT_TOKEN },	\
	{ "secret",		required_argument, NULL, OPT_TOKEN },	\
	{ "token-file",		required_argument, NULL, OPT_TOKEN_FILE }, \
	{ "ca",			required_argument, NULL, OPT_CA },	\
	{ "pin",		required_argument, NULL, OPT_PIN },	\
	{ "allow-plaintext",	no_argument, NULL, OPT_PLAINTEXT }
enum relay_option {
	OPT_RELAY = 512, OPT_TOKEN, OPT_TOKEN_FILE, OPT_CA, OPT_PIN,
	OPT_PLAINTEXT
};
/* 1 if it was one of them (a secret is overwritten where it stood). */
int	relay_option(struct relay_options *, int, char *);
/* Add what environment and login file say; -1: printed. */
int	relay_complete(struct relay_options *);

struct relay_link;
struct relay_link_ops {
	void	(*up)(void *, struct link *);
	/* The link is gone, or never came; it is tried again if retry. */
	void	(*down)(void *, enum exit_status, const char *);
	/* May be NULL. */
	void	(*goaway)(void *, const struct mux_goaway *);
};

/*
 * relay_link_new: dial the relay, log in, and keep at it: with retry, a lost
 * link is made again with backoff.  NULL (printed) if the options are bad.
 */
struct relay_link *relay_link_new(struct event_base *,
		    struct relay_options *, int,
		    const struct relay_link_ops *, void *);
/* The link, or NULL while it is down. */
struct link	*relay_link_get(struct relay_link *);
void		 relay_link_free(struct relay_link *);

/* The exit status and the words for a stream that was reset. */
enum exit_status exit_of_code(uint16_t);

/* ---- commands ---- */

int	cmd_user_add(int, char **);
int	cmd_user_list(int, char **);
int	cmd_user_passwd(int, char **);
int	cmd_user_enable(int, char **);
int	cmd_user_disable(int, char **);
int	cmd_user_delete(int, char **);
int	cmd_token_create(int, char **);
int	cmd_token_list(int, char **);
int	cmd_token_revoke(int, char **);
int	cmd_node_list(int, char **);
int	cmd_node_show(int, char **);
int	cmd_node_rename(int, char **);
int	cmd_node_remove(int, char **);
int	cmd_node_kick(int, char **);
int	cmd_connection_list(int, char **);
int	cmd_connection_kill(int, char **);
int	cmd_stats(int, char **);
int	cmd_reload(int, char **);
int	cmd_login(int, char **);
int	cmd_connect(int, char **);
int	cmd_access_client(int, char **);
int	cmd_forward(int, char **);
int	cmd_nodes(int, char **);

#endif /* ACCESSCTL_H */
