-- +goose Up
-- A chat the bot sits in. Rows of other tables name it by its number.
CREATE TABLE chats (
    n       INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    noticed INTEGER NOT NULL DEFAULT 0, -- the notice stands in the chat
    UNIQUE (account, id)
);

-- Which key seals the texts that arrived in one chat in one stretch of ten
-- minutes. A row goes, and with it the key, when no text of it is needed.
CREATE TABLE epochs (
    chat  INTEGER NOT NULL REFERENCES chats,
    epoch INTEGER NOT NULL,             -- stretches since 1970, by our clock
    slot  INTEGER NOT NULL,             -- number of the key in the key ring
    PRIMARY KEY (chat, epoch)
) WITHOUT ROWID;

-- What platforms reported. state: 0 waits to be settled, 1 settled, 2 set aside.
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY,
    chat     INTEGER NOT NULL REFERENCES chats,
    key      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,          -- platform time, Unix milliseconds
    received INTEGER NOT NULL,          -- our clock, Unix milliseconds
    member   TEXT NOT NULL,
    name     TEXT NOT NULL,
    message  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    prompt   TEXT NOT NULL,
    answer   TEXT NOT NULL,
    step     TEXT NOT NULL,
    done     INTEGER NOT NULL,
    slot     INTEGER NOT NULL,          -- 0: there is no text
    text     BLOB,                      -- sealed
    state    INTEGER NOT NULL DEFAULT 0,
    tries    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (chat, key)
);
CREATE INDEX events_waiting ON events (chat, seq) WHERE state = 0;
CREATE INDEX events_aside ON events (seq) WHERE state = 2;

-- What was decided about each message, as it last read. Never its text.
CREATE TABLE messages (
    chat     INTEGER NOT NULL REFERENCES chats,
    id       TEXT NOT NULL,
    member   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    deleted  INTEGER NOT NULL DEFAULT 0,
    label    TEXT NOT NULL,             -- clean, prompted, watched
    prompt   TEXT NOT NULL,
    PRIMARY KEY (chat, id)
) WITHOUT ROWID;

-- What was found, and what was decided about it, for each revision.
CREATE TABLE decisions (
    n        INTEGER PRIMARY KEY,
    chat     INTEGER NOT NULL REFERENCES chats,
    message  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    decided  INTEGER NOT NULL,
    label    TEXT NOT NULL,
    body     TEXT NOT NULL              -- JSON: outcome, duties, policy lines, findings
);
CREATE INDEX decisions_decided ON decisions (decided);

CREATE TABLE prompts (
    id      TEXT PRIMARY KEY,
    chat    INTEGER NOT NULL REFERENCES chats,
    member  TEXT NOT NULL,
    waiting INTEGER NOT NULL,           -- open or escalated
    due     INTEGER NOT NULL,           -- Unix milliseconds; 0 is never
    version INTEGER NOT NULL,
    shown   INTEGER NOT NULL,
    busy    INTEGER NOT NULL,
    slot    INTEGER NOT NULL,           -- key of the texts it keeps; 0: it keeps none
    body    TEXT NOT NULL               -- JSON
) WITHOUT ROWID;
CREATE INDEX prompts_waiting ON prompts (chat, member) WHERE waiting = 1;
CREATE INDEX prompts_due ON prompts (due) WHERE due > 0;
CREATE INDEX prompts_slot ON prompts (slot) WHERE slot > 0;

CREATE TABLE prompt_messages (
    chat    INTEGER NOT NULL REFERENCES chats,
    message TEXT NOT NULL,
    prompt  TEXT NOT NULL REFERENCES prompts,
    PRIMARY KEY (chat, message)         -- each message is in exactly one prompt
) WITHOUT ROWID;

-- The texts that an open prompt offers to keep, and a member's own note.
CREATE TABLE kept (
    prompt   TEXT NOT NULL REFERENCES prompts,
    message  TEXT NOT NULL,             -- or the note of a record
    revision INTEGER NOT NULL,
    text     BLOB NOT NULL,             -- sealed with the prompt's key
    PRIMARY KEY (prompt, message)
) WITHOUT ROWID;

CREATE TABLE records (
    id       TEXT PRIMARY KEY,
    prompt   TEXT NOT NULL,
    chat     INTEGER NOT NULL REFERENCES chats,
    captured INTEGER NOT NULL,
    filed    INTEGER NOT NULL DEFAULT 0,
    body     TEXT NOT NULL,             -- JSON: the record without its content
    receipt  TEXT NOT NULL DEFAULT ''   -- JSON
) WITHOUT ROWID;

-- What is to be done, and how it ended. Outcomes stay.
CREATE TABLE actions (
    id       INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    chat     INTEGER NOT NULL REFERENCES chats,
    member   TEXT NOT NULL,
    message  TEXT NOT NULL,
    prompt   TEXT NOT NULL,
    record   TEXT NOT NULL,
    after    TEXT NOT NULL,             -- key of the action that must be done first
    due      INTEGER NOT NULL,
    started  INTEGER NOT NULL DEFAULT 0,
    tries    INTEGER NOT NULL DEFAULT 0,
    version  INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT '',  -- '' while unfinished
    ended    INTEGER NOT NULL DEFAULT 0,
    made     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX actions_due ON actions (due) WHERE outcome = '';
CREATE INDEX actions_ended ON actions (chat, ended);

-- The next number of the key ring that has never sealed anything.
CREATE TABLE ring (next INTEGER NOT NULL);
INSERT INTO ring VALUES (1);

-- +goose Down
DROP TABLE ring; DROP TABLE actions; DROP TABLE records; DROP TABLE kept; DROP TABLE prompt_messages;
DROP TABLE prompts; DROP TABLE decisions; DROP TABLE messages; DROP TABLE events; DROP TABLE epochs; DROP TABLE chats;
