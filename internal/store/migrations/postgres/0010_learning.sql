-- +goose Up
-- Which key recognises again what was judged in a chat. Only keyed digests of
-- values are kept, never a value: without the key they say nothing.
CREATE TABLE suppression_keys (
    chat BIGINT PRIMARY KEY REFERENCES chats,
    slot BIGINT NOT NULL               -- number of the key in the key ring
);

-- What an open prompt asks about, as keyed digests: what is suppressed when its
-- member says that it is not sensitive. Gone when the prompt has ended.
CREATE TABLE asked_marks (
    prompt   TEXT NOT NULL,
    message  TEXT NOT NULL,
    mark     BYTEA NOT NULL,
    category TEXT NOT NULL,
    rule     TEXT NOT NULL,
    whole    BIGINT NOT NULL,          -- of the whole text, not of one value in it
    PRIMARY KEY (prompt, message, mark)
);

-- What is not asked about again in a chat, because a member judged it not
-- sensitive. Times are Unix milliseconds.
CREATE TABLE suppressions (
    id       TEXT PRIMARY KEY,
    chat     BIGINT NOT NULL REFERENCES chats,
    mark     BYTEA NOT NULL,
    category TEXT NOT NULL,
    rule     TEXT NOT NULL,
    whole    BIGINT NOT NULL,
    owner    TEXT NOT NULL,             -- the member who said so
    prompt   TEXT NOT NULL,
    since    BIGINT NOT NULL,
    until    BIGINT NOT NULL,
    times    BIGINT NOT NULL DEFAULT 0, -- how often it kept a prompt back
    ended    BIGINT NOT NULL DEFAULT 0, -- 0: it stands until its time
    ended_by TEXT NOT NULL DEFAULT '',
    why      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX suppressions_chat ON suppressions (chat, until);

-- When a message went from the chat, platform time in Unix milliseconds; 0: it
-- stands, or that is not known.
ALTER TABLE messages ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;

-- A member who was seen coming was not there before; of one who was only seen
-- there, nobody knows since when.
ALTER TABLE memberships ADD COLUMN joined BIGINT NOT NULL DEFAULT 0;

-- Who was in a chat, and no longer is.
CREATE TABLE stays (
    chat   BIGINT NOT NULL REFERENCES chats,
    member TEXT NOT NULL,
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    joined BIGINT NOT NULL,
    PRIMARY KEY (chat, member, since)
);
CREATE INDEX stays_until ON stays (until);

-- Breach records, whole as JSON: counts and decisions, never a text.
CREATE TABLE breaches (
    id     TEXT PRIMARY KEY,
    prompt TEXT NOT NULL UNIQUE,
    chat   BIGINT NOT NULL REFERENCES chats,
    state  TEXT NOT NULL,
    closed BIGINT NOT NULL DEFAULT 0,
    body   TEXT NOT NULL
);

-- Who could have seen what a breach record is about. Gone some time after it
-- was closed; the counts stay.
CREATE TABLE breach_members (
    breach   TEXT NOT NULL REFERENCES breaches,
    member   TEXT NOT NULL,
    external TEXT NOT NULL,             -- colleague, external, unknown
    sure     BIGINT NOT NULL,
    PRIMARY KEY (breach, member)
);

-- Prompts of which it has been decided whether a breach record is proposed.
CREATE TABLE breach_weighed (prompt TEXT PRIMARY KEY);

-- Routine processing that was reported: once for each chat and quarter.
CREATE TABLE trends (
    chat     BIGINT NOT NULL REFERENCES chats,
    quarter  TEXT NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT NOT NULL,             -- JSON
    noted    BIGINT NOT NULL DEFAULT 0,
    noted_by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (chat, quarter)
);

-- +goose Down
DROP TABLE trends; DROP TABLE breach_weighed; DROP TABLE breach_members; DROP TABLE breaches; DROP TABLE stays;
ALTER TABLE memberships DROP COLUMN joined;
ALTER TABLE messages DROP COLUMN gone;
DROP TABLE suppressions; DROP TABLE asked_marks; DROP TABLE suppression_keys;
