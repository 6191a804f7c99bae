-- The store of relayd.  Identifiers are UUIDs as text, times are seconds
-- since the epoch (UTC).  A database that has only users, pat_tokens and
-- nodes, without the columns marked "added", is adopted by upgrade_001.sql.
-- Keep this and the upgrades alike.

CREATE TABLE users (
	id		TEXT PRIMARY KEY,
	created_at	INTEGER NOT NULL,
	provider	TEXT NOT NULL,		-- 'local', or an issuer
	email		TEXT NOT NULL UNIQUE,	-- lower case
	password	TEXT,			-- crypt(3) hash; NULL: none
	username	TEXT NOT NULL,
	avatar_url	TEXT NOT NULL,
	roles		TEXT NOT NULL DEFAULT '["user"]',  -- JSON array
	enabled		INTEGER NOT NULL DEFAULT 1	   -- added
);

CREATE TABLE pat_tokens (
	id		TEXT PRIMARY KEY,
	token_id	TEXT NOT NULL UNIQUE,	-- the public part of a token
	token_hash	TEXT NOT NULL,		-- 'ed25519:', public key in hex
	user_id		TEXT NOT NULL REFERENCES users(id),
	name		TEXT NOT NULL DEFAULT '',
	scopes		TEXT NOT NULL,		-- JSON array
	created_at	INTEGER NOT NULL,
	expires_at	INTEGER,		-- NULL: never
	nodes		TEXT NOT NULL DEFAULT '[]',	-- added: JSON array of
							-- names; empty: all
	last_used_at	INTEGER,		-- added
	revoked_at	INTEGER			-- added: kept for its nodes
);

CREATE TABLE nodes (
	id		TEXT PRIMARY KEY,
	user_id		TEXT NOT NULL REFERENCES users(id),
	token_id	TEXT NOT NULL REFERENCES pat_tokens(id),
	name		TEXT UNIQUE,
	created_at	INTEGER NOT NULL,
	connected	INTEGER NOT NULL DEFAULT 0,
	connected_at	INTEGER,
	last_seen_at	INTEGER			-- added
);

CREATE INDEX pat_tokens_user ON pat_tokens(user_id);
CREATE INDEX nodes_user ON nodes(user_id);
CREATE INDEX nodes_token ON nodes(token_id);

-- Who did what, from where, to what, for how long.  No references: a line
-- outlives what it tells of.
CREATE TABLE audit (
	id		INTEGER PRIMARY KEY,
	at		INTEGER NOT NULL,	-- of the end
	what		TEXT NOT NULL,
	email		TEXT NOT NULL,
	token_id	TEXT NOT NULL,
	node		TEXT NOT NULL,
	addr		TEXT NOT NULL,
	target		TEXT NOT NULL,
	ms		INTEGER NOT NULL,
	bytes_in	INTEGER NOT NULL,
	bytes_out	INTEGER NOT NULL,
	text		TEXT NOT NULL
);

CREATE INDEX audit_at ON audit(at);

-- A user's right to another's node; goes with either.
CREATE TABLE grants (
	id		TEXT PRIMARY KEY,
	user_id		TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	node_id		TEXT NOT NULL REFERENCES nodes(id) ON DELETE CASCADE,
	granted_by	TEXT NOT NULL,		-- email, or empty: the host
	scopes		TEXT NOT NULL,		-- JSON array
	targets		TEXT NOT NULL DEFAULT '[]',  -- JSON array; empty: all
	created_at	INTEGER NOT NULL,
	expires_at	INTEGER			-- NULL: never
);

CREATE UNIQUE INDEX grants_pair ON grants(user_id, node_id);
CREATE INDEX grants_node ON grants(node_id);
CREATE INDEX grants_end ON grants(expires_at);

-- A port of the relay host that leads to a target of the node.
CREATE TABLE publications (
	id		TEXT PRIMARY KEY,
	node_id		TEXT NOT NULL REFERENCES nodes(id)
			    ON DELETE CASCADE,
	proto		TEXT NOT NULL,		-- 'tcp' or 'udp'
	addr		TEXT NOT NULL,		-- numeric
	port_min	INTEGER NOT NULL,
	port_max	INTEGER NOT NULL,
	target_host	TEXT NOT NULL,
	target_port	INTEGER NOT NULL,	-- of port_min; then in step
	sources		TEXT NOT NULL DEFAULT '[]',  -- JSON array of
							-- networks; empty: all
	proxy		INTEGER NOT NULL DEFAULT 0,  -- 1, 2: PROXY header
	connections	INTEGER NOT NULL DEFAULT 0,  -- at once; 0: no limit
	bandwidth	INTEGER NOT NULL DEFAULT 0,  -- bytes/s each way
	created_at	INTEGER NOT NULL
);

CREATE INDEX publications_node ON publications(node_id);

-- Bytes per second each way, and per month both ways together.  0: no limit;
-- NULL: what the configuration says.
CREATE TABLE bandwidth (
	what		TEXT NOT NULL,		-- 'user' or 'node'
	id		TEXT NOT NULL,
	bytes_second	INTEGER,
	bytes_month	INTEGER,
	PRIMARY KEY (what, id)
) WITHOUT ROWID;

-- Bytes carried in a month (UTC).
CREATE TABLE traffic (
	month		TEXT NOT NULL,		-- '2026-11'
	what		TEXT NOT NULL,		-- 'user', 'node' or 'port'
	id		TEXT NOT NULL,
	bytes_in	INTEGER NOT NULL DEFAULT 0,
	bytes_out	INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (month, what, id)
) WITHOUT ROWID;

-- What a node shows by HTTP, and who may see it: by the name of a service,
-- empty for what it shows under its own name.
CREATE TABLE services (
	node_id		TEXT NOT NULL REFERENCES nodes(id)
			    ON DELETE CASCADE,
	name		TEXT NOT NULL,		-- a label, or empty
	access		TEXT NOT NULL,		-- 'private', 'public', 'basic'
	PRIMARY KEY (node_id, name)
) WITHOUT ROWID;

-- Host names of their owners' that lead to a node.
CREATE TABLE domains (
	name		TEXT PRIMARY KEY,	-- lower case, no dot at the end
	node_id		TEXT NOT NULL REFERENCES nodes(id)
			    ON DELETE CASCADE,
	service		TEXT NOT NULL DEFAULT '',
	passthrough	INTEGER NOT NULL DEFAULT 0,  -- 1: TLS untouched
	created_at	INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX domains_node ON domains(node_id);

-- Who has logged in by a page, or was paired; goes with its user and node.
CREATE TABLE sessions (
	id		TEXT PRIMARY KEY,
	kind		TEXT NOT NULL,		-- 'web' or 'rpc'
	secret_hash	TEXT NOT NULL UNIQUE,	-- SHA-256 in hex
	user_id		TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	node_id		TEXT REFERENCES nodes(id)
			    ON DELETE CASCADE,	-- NULL: any
	parent		TEXT REFERENCES sessions(id)
			    ON DELETE CASCADE,	-- it goes with that one
	host		TEXT NOT NULL DEFAULT '',  -- that it is good for
	addr		TEXT NOT NULL,
	software	TEXT NOT NULL,
	created_at	INTEGER NOT NULL,
	expires_at	INTEGER NOT NULL,
	last_used_at	INTEGER
);

CREATE INDEX sessions_user ON sessions(user_id);
CREATE INDEX sessions_node ON sessions(node_id);
CREATE INDEX sessions_parent ON sessions(parent);
CREATE INDEX sessions_end ON sessions(expires_at);

-- One row: how many upgrades this database has had.
CREATE TABLE meta (
	version		INTEGER NOT NULL
);
