-- +goose Up
-- Stretches of a chat that the bot cannot vouch for. Times are Unix
-- milliseconds. since 0: from its beginning; until 0: it has not ended.
CREATE TABLE gaps (
    n       INTEGER PRIMARY KEY,
    chat    INTEGER NOT NULL REFERENCES chats,
    key     TEXT NOT NULL,
    kind    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    message TEXT NOT NULL,
    later   INTEGER NOT NULL,           -- it was delivered afterwards: nothing is missing
    UNIQUE (chat, key)
);
CREATE INDEX gaps_open ON gaps (chat) WHERE until = 0;

-- +goose Down
DROP TABLE gaps;
