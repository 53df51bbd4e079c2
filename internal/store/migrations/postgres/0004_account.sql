-- +goose Up
-- Who can sign in. A removed account stays: its name is in what it did.
-- Times are Unix milliseconds.
CREATE TABLE accounts (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    folded  TEXT NOT NULL UNIQUE,        -- the name without case and width: no two accounts share one
    role    TEXT NOT NULL,
    issuer  TEXT NOT NULL DEFAULT '',    -- the organisation's sign-in, and who they are there
    subject TEXT NOT NULL DEFAULT '',
    made    BIGINT NOT NULL,
    removed BIGINT NOT NULL DEFAULT 0   -- 0 while they may sign in
);
CREATE UNIQUE INDEX accounts_subject ON accounts (issuer, subject) WHERE subject <> '';

CREATE TABLE passkeys (
    id      BYTEA PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    body    BYTEA NOT NULL,               -- JSON: the public key and what verifies it
    made    BIGINT NOT NULL,
    used    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX passkeys_account ON passkeys (account);

-- Links that let somebody in once; only a digest of the secret is here.
CREATE TABLE links (
    digest  BYTEA PRIMARY KEY,
    folded  TEXT NOT NULL,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    made    BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE sessions (
    token   TEXT PRIMARY KEY,            -- a digest: the token itself is in the browser alone
    account TEXT NOT NULL,               -- '' while signing in
    body    BYTEA NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);
CREATE INDEX sessions_expires ON sessions (expires);

-- +goose Down
DROP TABLE sessions; DROP TABLE links; DROP TABLE passkeys; DROP TABLE accounts;
