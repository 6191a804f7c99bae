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
#include <stdio.h>

#include "control_ask.h"
#include "ctl.h"
#include "link.h"
#include "login.h"
#include "print.h"
#include "relay_url.h"

/*
 * accessctl: what its files share.
 *
 *	accessctl.c	main, the table of commands, usage
 *	spec.c		durations, dates, scopes, ids as people type them
 *	admin.c		what its commands share; connections, stats, reload
 *	admin_upgrade.c	a new relayd in the place of the old
 *	admin_user.c admin_token.c admin_node.c admin_grant.c admin_session.c
 *	admin_publish.c admin_site.c admin_traffic.c password.c
 *	admin_audit.c	the audit log
 *	admin_backup.c store_check.c	copies of the store
 *	admin_pair.c	codes to pair phones and programs with a node
 *	admin_memory.c	what memory the relay takes
 *	login.c		logging a laptop in
 *	relay.c		which relay, as whom
 *	link.c retry.c	the link to the relay, and when it is tried again
 *	outcome.c	what the end of a stream means
 *	ends.c		signals that end us
 *	connect.c stdio.c	standard input and output to a target
 *	forward.c forward_*.c	local ports that lead to targets
 *	nodes.c		what may be reached
 *	background.c	leaving the terminal once all is well
 *	completion.c	completion for shells
 */

/* Exit status of connect, forward and nodes; the others end with 0 to 2. */
enum exit_status {
	EXIT_OK = 0,		/* ended in order */
	EXIT_OTHER = 1,		/* anything not below */
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,	/* the target refused */
	EXIT_UNREACHABLE = 4,	/* no way to the target, no answer, no such
				   host */
	EXIT_DENIED = 5,	/* the token, its scope, the node's rules */
	EXIT_NO_NODE = 6,
	EXIT_OFFLINE = 7,
	EXIT_RELAY = 8,		/* the relay can't be reached or trusted */
	EXIT_PROTOCOL = 9,	/* somebody broke the protocol */
	EXIT_CUT = 10		/* ended in the middle */
};

/* ---- accessctl.c ---- */

/*
 * A command: called with argv[0] its last word and its own arguments behind
 * it.  Returns the exit status of the program.
 */
struct command {
	const char	*name;		/* "user add" */
	const char	*args;		/* for the usage */
	const char	*help;		/* one line */
	const char	*errors;	/* when the status is not 0; one line */
	int		 (*run)(int, char **);
};

extern const struct command	 commands[];
extern const size_t		 ncommands;

/* What every command takes; 'h' and 'v' for option_common. */
#define OPTIONS_COMMON							\
	{ "help",		no_argument, NULL, 'h' },		\
	{ "verbose",		no_argument, NULL, 'v' }

/* 1 if it was one of them, else 0 (the usage was shown). */
int	option_common(int);
/* Print the running command's usage to stderr; returns EXIT_USAGE. */
int	usage(void);
/* The program's own name for messages. */
extern const char	*program;

/* ---- spec.c: pure ---- */

/* All return 0 or -1. */

/* "30d", "12h", "never" (0): seconds; s, m, h, d, w, y. */
int	spec_duration(const char *, int64_t *);
/*
 * When something ends, s since 1970, 0 for never: such a duration from now
 * on, or a date and perhaps a time, "2026-12-31", "2026-12-31 18:00",
 * "2026-12-31T18:00:00Z"; local unless it ends in Z, the first moment of a
 * day unless there is a time.
 */
int	spec_until(const char *, int64_t, int64_t *);
/* "node,connect": the bits are added. */
int	spec_scopes(const char *, uint32_t *);
/* An id in hex, as lists show it. */
int	spec_id(const char *, uint64_t *);

/* ---- admin.c ---- */

extern int	 json;			/* --json was given */

#define OPTIONS_ADMIN							\
	{ "json",		no_argument, NULL, 'j' },		\
	{ "socket",		required_argument, NULL, 's' },		\
	OPTIONS_COMMON
#define OPTIONS_ADMIN_SHORT	"hjs:v"

/* Before any command: ask relayd, where it usually is. */
void	 admin_init(void);
/* As option_common, for commands at the control socket. */
int	 admin_option(int, char *);
/*
 * admin_args: take those options, and leave exactly n positional arguments,
 * of which the first is returned; NULL (usage was shown) else.
 */
char	**admin_args(int, char **, int);
/* The same, but n at most: behind the last one is a NULL. */
char	**admin_args_most(int, char **, int);
/* As control_ask, for requests that are a name. */
int	 control_ask_name(uint32_t, const char *, uint32_t, size_t,
	    void (*)(const void *, void *), void *, struct ctl_end *);
/* A word into a request's field; -1 (logged) if it is too long. */
int	 admin_word(char *, size_t, const char *, const char *);
/*
 * Ask for a list, by such a request with a name, whose records are of that type
 * and size, and print these fields of each; the exit status.
 */
int	 admin_list(uint32_t, const char *, uint32_t, size_t,
	    const struct field *, size_t);
/* "revoked abc; 2 links and 3 streams ended within 12 ms". */
void	 admin_ended(const struct ctl_end *, const char *, ...)
	    __attribute__((__format__ (printf, 2, 3)));

/* ---- password.c ---- */

/*
 * A password from standard input (one line), or asked for twice, as a
 * crypt(3) hash.  0 or -1 (logged).
 */
int	password_hash(int, char *, size_t);

/* ---- store_check.c ---- */

/*
 * store_check: look at a whole database in a file that is open, and tell the
 * callback, if it is not NULL, what is wrong, a line at a time.  How many
 * lines that were, or -1 with the reason told in the same way.
 */
int	store_check(int, size_t, void (*)(void *, const char *), void *);

/* ---- relay.c ---- */

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
	{ "proxy",		required_argument, NULL, OPT_WAY_PROXY }, \
	{ "proxy-helper",	required_argument, NULL, OPT_WAY_HELPER }, \
	{ "allow-plaintext",	no_argument, NULL, OPT_PLAINTEXT }
enum relay_option {
	OPT_RELAY = 512, OPT_TOKEN, OPT_TOKEN_FILE, OPT_CA, OPT_PIN,
	OPT_WAY_PROXY, OPT_WAY_HELPER, OPT_PLAINTEXT
};
/* 1 if it was one of them (a secret is overwritten where it stood). */
int	relay_option(struct relay_options *, int, char *);
/*
 * relay_complete: add what environment and login file say.  The relay given
 * is taken if none of them names one; NULL: that is an error.  EXIT_OK, or
 * another status (logged).
 */
enum exit_status relay_complete(struct relay_options *, const char *);
/* Free all of it; secrets are zeroed. */
void	relay_options_clear(struct relay_options *);

/* ---- link.c ---- */

struct relay_link;
struct relay_link_ops {
	/*
	 * Logged in for the first time, and not yet in the sandbox; may be
	 * NULL.
	 */
	void	(*first)(void *);
	void	(*up)(void *, struct link *);
	/*
	 * The link is gone, or never came; with retry it is tried again in
	 * so many ms, unless relay_link_over says that there is no use.
	 * For one that relay_link_close ended: EXIT_OK.
	 */
	void	(*down)(void *, enum exit_status, const char *, unsigned int);
};

/*
 * relay_link_new: dial the relay, log in, and keep at it: with retry, a lost
 * link is made again with backoff; without, only a busy relay is asked again
 * for a while.  The size is what streams may hold in memory, bytes.  NULL if
 * the options are bad, with the exit status.
 */
struct relay_link *relay_link_new(struct event_base *,
		    struct relay_options *, int, size_t,
		    const struct relay_link_ops *, void *,
		    enum exit_status *);
/* The link, or NULL while it is down. */
struct link	*relay_link_get(struct relay_link *);
/* 1: it will not be tried again, as nothing is left to try it with. */
int		 relay_link_over(const struct relay_link *);
/*
 * relay_link_wanted: somebody waits for the link, for so many ms at most.
 * Until then the next attempt is never far away, though not sooner than the
 * relay asked for.
 */
void		 relay_link_wanted(struct relay_link *, unsigned int);
/* "wss://relay.example.org" */
const char	*relay_link_name(const struct relay_link *);
/*
 * relay_link_close: end it in order once all that was sent has left, within
 * so many ms; down() follows, perhaps at once.
 */
void		 relay_link_close(struct relay_link *, unsigned int);
/* At once, no callback; takes NULL. */
void		 relay_link_free(struct relay_link *);

/* ---- outcome.c: pure ---- */

/* The exit status for a stream that was reset with this code. */
enum exit_status outcome_status(uint16_t);
/* One line about it for a person, into the buffer: code, the peer's text, the
   target. */
void	outcome_text(uint16_t, const char *, const struct mux_open *, char *,
	    size_t);

/* ---- stdio.c ---- */

/*
 * stdio_take: non-blocking descriptors for standard input and output, the
 * same one if both are one socket.  Terminals and sockets, which others
 * share, are put back when the program ends.  0 or -1 (logged).
 */
int	stdio_take(int *, int *);
void	stdio_restore(void);	/* put them back now */
/* 1 if whoever read this output is gone, 0 if not, -1 if it is closed. */
int	stdio_reader_gone(int);

/* ---- ends.c ---- */

/* ^C and the like. */
#define ENDS	3
extern const int ends_signals[ENDS];
/* Whoever started us wants nothing of it, as nohup(1) does. */
int	ends_ignored(int);
/* Have the others call back; until ends_free.  Fatal without memory. */
void	ends_watch(struct event_base *, void (*)(int, short, void *), void *);
void	ends_free(void);

/*
 * ---- commands ----
 *
 * Those of the table in accessctl.c, with their own arguments: argv[0] is the
 * command's last word.  They return an enum exit_status.
 */

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
int	cmd_user_show(int, char **);
int	cmd_user_limit(int, char **);
int	cmd_node_limit(int, char **);
int	cmd_traffic(int, char **);
int	cmd_pair(int, char **);
int	cmd_grant(int, char **);
int	cmd_grant_list(int, char **);
int	cmd_grant_revoke(int, char **);
int	cmd_session_list(int, char **);
int	cmd_session_revoke(int, char **);
int	cmd_publish_add(int, char **);
int	cmd_publish_list(int, char **);
int	cmd_publish_remove(int, char **);
int	cmd_node_set(int, char **);
int	cmd_service_set(int, char **);
int	cmd_service_list(int, char **);
int	cmd_service_remove(int, char **);
int	cmd_domain_add(int, char **);
int	cmd_domain_list(int, char **);
int	cmd_domain_remove(int, char **);
int	cmd_connection_list(int, char **);
int	cmd_connection_kill(int, char **);
int	cmd_stats(int, char **);
int	cmd_audit(int, char **);
int	cmd_show_memory(int, char **);
int	cmd_backup(int, char **);
int	cmd_check(int, char **);
int	cmd_reload(int, char **);
int	cmd_upgrade(int, char **);
int	cmd_log(int, char **);
int	cmd_login(int, char **);
int	cmd_logout(int, char **);
int	cmd_connect(int, char **);
int	cmd_access_client(int, char **);
int	cmd_forward(int, char **);
int	cmd_nodes(int, char **);
int	cmd_completion(int, char **);

#endif /* ACCESSCTL_H */
