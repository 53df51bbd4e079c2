-- +goose Up
-- Holds, whole as JSON. released: Unix nanoseconds, 0 while in force.
CREATE TABLE holds (
    id       TEXT COLLATE "C" PRIMARY KEY,
    placed   BIGINT NOT NULL,           -- Unix nanoseconds
    released BIGINT NOT NULL DEFAULT 0,
    body     TEXT NOT NULL
);

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
    opened   BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    closed   BIGINT NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX fences_message ON fences (account, chat, message);
CREATE INDEX fences_action ON fences (action);
CREATE INDEX fences_looked_at ON fences (closed) WHERE closed = 0 OR outcome <> 'not-done';

-- The audit log: canonical entries, the hashes of the tree over them, and the
-- signed checkpoints. Rows are only ever added.
CREATE TABLE audit_entries     (n BIGINT PRIMARY KEY, body BYTEA NOT NULL);
CREATE TABLE audit_hashes      (n BIGINT PRIMARY KEY, hash BYTEA NOT NULL);
CREATE TABLE audit_checkpoints (number BIGINT PRIMARY KEY, size BIGINT NOT NULL, at BIGINT NOT NULL, signed BYTEA NOT NULL);
CREATE TABLE audit_key (
    one       BIGINT PRIMARY KEY CHECK (one = 1),
    origin    TEXT NOT NULL,
    verifying TEXT NOT NULL,
    signing   BYTEA NOT NULL            -- sealed under the master key
);

-- What is known about our own clock (JSON).
CREATE TABLE clock_watch (one BIGINT PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL);

-- The last date for which each schedule has a run, and what it said then.
CREATE TABLE schedules (id TEXT PRIMARY KEY, last TEXT COLLATE "C" NOT NULL, setting TEXT NOT NULL DEFAULT '');

-- One run of a schedule for one local date.
CREATE TABLE runs (
    schedule    TEXT COLLATE "C" NOT NULL,
    date        TEXT COLLATE "C" NOT NULL,
    state       TEXT NOT NULL,
    slot        BIGINT NOT NULL,        -- when it came due, Unix milliseconds
    made_good   TEXT NOT NULL DEFAULT '', -- date of the run that does the work instead
    digest      TEXT NOT NULL DEFAULT '',
    plan        TEXT NOT NULL DEFAULT '', -- JSON: what the plan does with each message whose period is over
    approvals   TEXT NOT NULL DEFAULT '[]',
    why         TEXT NOT NULL DEFAULT '', -- why it waits or was stopped, in words
    started     BIGINT NOT NULL DEFAULT 0,
    ended       BIGINT NOT NULL DEFAULT 0,
    certificate TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (schedule, date)
);

-- Sealed texts with a key of their own: what a hold captured on arrival, until
-- it is filed; and for 30 days what the bot destroyed, for undo.
CREATE TABLE sealed (
    key    TEXT PRIMARY KEY,            -- record/ID or undo/KEY OF THE ACTION
    slot   BIGINT NOT NULL,
    text   BYTEA NOT NULL,
    until  BIGINT NOT NULL DEFAULT 0    -- Unix milliseconds; 0: until somebody lets it go
);
CREATE INDEX sealed_until ON sealed (until) WHERE until > 0;

-- What a retention plan must know of a message. Blank is not known, and keeps it.
ALTER TABLE messages ADD COLUMN class TEXT NOT NULL DEFAULT '';

-- The row that transactions lock which must not pass each other: whoever asks
-- what is held, places a hold or adds to the audit log.
CREATE TABLE gate (one BIGINT PRIMARY KEY CHECK (one = 1));
INSERT INTO gate VALUES (1);

-- +goose Down
ALTER TABLE messages DROP COLUMN class;
DROP TABLE gate; DROP TABLE sealed; DROP TABLE runs; DROP TABLE schedules; DROP TABLE clock_watch; DROP TABLE audit_key;
DROP TABLE audit_checkpoints; DROP TABLE audit_hashes; DROP TABLE audit_entries; DROP TABLE fences; DROP TABLE holds;
