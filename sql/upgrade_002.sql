-- Grants, published ports, limits and counters of bytes.

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
