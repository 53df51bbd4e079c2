-- +goose Up
-- Where the files of a message are, sealed as its text is.
ALTER TABLE events ADD COLUMN files BYTEA;

-- How far the reading of each message's files is. Times are Unix milliseconds.
CREATE TABLE readings (
    chat     BIGINT NOT NULL REFERENCES chats,
    message  TEXT NOT NULL,
    revision BIGINT NOT NULL,
    member   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    due      BIGINT NOT NULL,          -- 0: it is over
    tries    BIGINT NOT NULL,
    routine  BIGINT NOT NULL,
    slot     BIGINT NOT NULL,          -- 0: what was sealed is forgotten
    sealed   BYTEA,                      -- where the files are, and the message's text, until it is over
    files    TEXT NOT NULL,             -- JSON: what became of each file, and what was found; never a name or a text
    PRIMARY KEY (chat, message)
);
CREATE INDEX readings_due ON readings (due) WHERE due > 0;
CREATE INDEX readings_over ON readings (since) WHERE due = 0;

-- +goose Down
DROP TABLE readings;
ALTER TABLE events DROP COLUMN files;
