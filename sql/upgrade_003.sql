-- Sites, own domains, and who has logged in by a page or was paired.

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
