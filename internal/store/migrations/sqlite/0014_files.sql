-- +goose Up
-- Where the files of a message are, sealed as its text is.
ALTER TABLE events ADD COLUMN files BLOB;

-- How far the reading of each message's files is. Times are Unix milliseconds.
CREATE TABLE readings (
    chat     INTEGER NOT NULL REFERENCES chats,
    message  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    member   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER NOT NULL,          -- 0: it is over
    tries    INTEGER NOT NULL,
    routine  INTEGER NOT NULL,
    slot     INTEGER NOT NULL,          -- 0: what was sealed is forgotten
    sealed   BLOB,                      -- where the files are, and the message's text, until it is over
    files    TEXT NOT NULL,             -- JSON: what became of each file, and what was found; never a name or a text
    PRIMARY KEY (chat, message)
) WITHOUT ROWID;
CREATE INDEX readings_due ON readings (due) WHERE due > 0;
CREATE INDEX readings_over ON readings (since) WHERE due = 0;

-- +goose Down
DROP TABLE readings;
ALTER TABLE events DROP COLUMN files;
