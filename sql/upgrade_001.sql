-- Adopt a database that has the three original tables only.

ALTER TABLE users ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE pat_tokens ADD COLUMN nodes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE pat_tokens ADD COLUMN last_used_at INTEGER;
ALTER TABLE pat_tokens ADD COLUMN revoked_at INTEGER;
ALTER TABLE nodes ADD COLUMN last_seen_at INTEGER;

CREATE INDEX pat_tokens_user ON pat_tokens(user_id);
CREATE INDEX nodes_user ON nodes(user_id);
CREATE INDEX nodes_token ON nodes(token_id);

CREATE TABLE audit (
	id		INTEGER PRIMARY KEY,
	at		INTEGER NOT NULL,
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

CREATE TABLE meta (
	version		INTEGER NOT NULL
);

-- Emails are looked up in lower case.  Of two that differ in case only, the
-- second keeps its spelling, and an administrator has to decide.
UPDATE OR IGNORE users SET email = lower(email);
