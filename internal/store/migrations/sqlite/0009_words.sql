-- +goose Up
-- Every notice that was posted in a chat, in the order of its posting.
CREATE TABLE notices (
    chat    INTEGER NOT NULL REFERENCES chats,
    n       INTEGER NOT NULL,           -- from 0
    version TEXT NOT NULL,
    posted  INTEGER NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (chat, n)
);

-- The language that a member chose to be written to in.
CREATE TABLE languages (
    account  TEXT NOT NULL,
    member   TEXT NOT NULL,
    language TEXT NOT NULL,
    chosen   INTEGER NOT NULL,
    PRIMARY KEY (account, member)
);

-- The language that the last directory that was trusted gives for a person.
CREATE TABLE person_languages (
    person   TEXT PRIMARY KEY,
    language TEXT NOT NULL
);

-- When a member asked themselves the four questions, and what they answered.
CREATE TABLE self_checks (
    id       TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    member   TEXT NOT NULL,
    chat     INTEGER NOT NULL,          -- 0: none was named
    asked    INTEGER NOT NULL,
    answered INTEGER NOT NULL,          -- 0: not yet
    answer   TEXT NOT NULL
);
CREATE INDEX self_checks_member ON self_checks (account, member);

-- Who asks to be taken out of a chat. Gone when they are.
CREATE TABLE wishes_out (
    chat   INTEGER NOT NULL REFERENCES chats,
    member TEXT NOT NULL,
    asked  INTEGER NOT NULL,
    PRIMARY KEY (chat, member)
);

-- How a chat was joined: who added the bot, what they answered, and how far it
-- has come.
CREATE TABLE joinings (
    chat  INTEGER PRIMARY KEY REFERENCES chats,
    state TEXT NOT NULL,                -- asking, watching, reported, on
    due   INTEGER NOT NULL,             -- when the clock next has something to do with it; 0 is never
    body  TEXT NOT NULL                 -- JSON
);

-- +goose Down
DROP TABLE joinings; DROP TABLE wishes_out; DROP TABLE self_checks; DROP TABLE person_languages; DROP TABLE languages; DROP TABLE notices;
