-- +goose Up
-- Holds, whole as JSON. released: Unix nanoseconds, 0 while in force.
CREATE TABLE holds (
    id       TEXT PRIMARY KEY,
    placed   INTEGER NOT NULL,          -- Unix nanoseconds
    released INTEGER NOT NULL DEFAULT 0,
    body     TEXT NOT NULL
) WITHOUT ROWID;

-- The fence around every destroying call. Times are Unix nanoseconds: they are
-- compared with each other to the instant.
CREATE TABLE fences (
    id       TEXT PRIMARY KEY,          -- key of the action and number of its attempt
    action   TEXT NOT NULL,             -- key of the action
    account  TEXT NOT NULL,
    chat     TEXT NOT NULL,
    message  TEXT NOT NULL,
    member   TEXT NOT NULL,
    person   TEXT NOT NULL,
    opened   INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    closed   INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX fences_message ON fences (account, chat, message);
CREATE INDEX fences_action ON fences (action);
CREATE INDEX fences_looked_at ON fences (closed) WHERE closed = 0 OR outcome <> 'not-done';

-- The audit log: canonical entries, the hashes of the tree over them, and the
-- signed checkpoints. Rows are only ever added.
CREATE TABLE audit_entries     (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE audit_hashes      (n INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE audit_checkpoints (number INTEGER PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL, signed BLOB NOT NULL);
CREATE TABLE audit_key (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    origin    TEXT NOT NULL,
    verifying TEXT NOT NULL,
    signing   BLOB NOT NULL             -- sealed under the master key
);

-- What is known about our own clock (JSON).
CREATE TABLE clock_watch (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL);

-- The last date for which each schedule has a run, and what it said then.
CREATE TABLE schedules (id TEXT PRIMARY KEY, last TEXT NOT NULL, setting TEXT NOT NULL DEFAULT '') WITHOUT ROWID;

-- One run of a schedule for one local date.
CREATE TABLE runs (
    schedule    TEXT NOT NULL,
    date        TEXT NOT NULL,
    state       TEXT NOT NULL,
    slot        INTEGER NOT NULL,       -- when it came due, Unix milliseconds
    made_good   TEXT NOT NULL DEFAULT '', -- date of the run that does the work instead
    digest      TEXT NOT NULL DEFAULT '',
    plan        TEXT NOT NULL DEFAULT '', -- JSON: what the plan does with each message whose period is over
    approvals   TEXT NOT NULL DEFAULT '[]',
    why         TEXT NOT NULL DEFAULT '', -- why it waits or was stopped, in words
    started     INTEGER NOT NULL DEFAULT 0,
    ended       INTEGER NOT NULL DEFAULT 0,
    certificate TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (schedule, date)
) WITHOUT ROWID;

-- Sealed texts with a key of their own: what a hold captured on arrival, until
-- it is filed; and for 30 days what the bot destroyed, for undo.
CREATE TABLE sealed (
    key    TEXT PRIMARY KEY,            -- record/ID or undo/KEY OF THE ACTION
    slot   INTEGER NOT NULL,
    text   BLOB NOT NULL,
    until  INTEGER NOT NULL DEFAULT 0   -- Unix milliseconds; 0: until somebody lets it go
) WITHOUT ROWID;
CREATE INDEX sealed_until ON sealed (until) WHERE until > 0;

-- What a retention plan must know of a message. Blank is not known, and keeps it.
ALTER TABLE messages ADD COLUMN class TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE messages DROP COLUMN class;
DROP TABLE sealed; DROP TABLE runs; DROP TABLE schedules; DROP TABLE clock_watch; DROP TABLE audit_key;
DROP TABLE audit_checkpoints; DROP TABLE audit_hashes; DROP TABLE audit_entries; DROP TABLE fences; DROP TABLE holds;
