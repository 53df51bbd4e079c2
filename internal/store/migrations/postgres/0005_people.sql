-- +goose Up
-- Members as they were seen in chats, and what their platform vouches for. A
-- number or an address keeps the time at which it was first vouched for.
-- Times are Unix milliseconds, 0 is none.
CREATE TABLE members (
    account  TEXT NOT NULL,
    id       TEXT NOT NULL,
    name     TEXT NOT NULL DEFAULT '',
    bot      BIGINT NOT NULL DEFAULT 0,
    guest    TEXT NOT NULL DEFAULT '',    -- the other organisation that they are confirmed to be from
    phone    TEXT NOT NULL DEFAULT '',
    phone_at BIGINT NOT NULL DEFAULT 0,
    email    TEXT NOT NULL DEFAULT '',
    email_at BIGINT NOT NULL DEFAULT 0,
    link     TEXT NOT NULL DEFAULT '',    -- the person that a named person confirmed them to be
    link_by  TEXT NOT NULL DEFAULT '',
    link_at  BIGINT NOT NULL DEFAULT 0,
    person   TEXT NOT NULL DEFAULT '',    -- whom the last directory that was trusted matched them to
    seen     BIGINT NOT NULL,                -- when they last came, spoke or went
    PRIMARY KEY (account, id)
);
CREATE INDEX members_person ON members (person) WHERE person <> '';
CREATE INDEX members_link ON members (link) WHERE link <> '';

-- Other ids of a member in the same account.
CREATE TABLE member_ids (
    account TEXT NOT NULL,
    id      TEXT NOT NULL,
    member  TEXT NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE TABLE memberships (
    chat   BIGINT NOT NULL REFERENCES chats,
    member TEXT NOT NULL,                 -- the id that the chat lists them by
    owner  BIGINT NOT NULL DEFAULT 0,
    admin  BIGINT NOT NULL DEFAULT 0,
    since  BIGINT NOT NULL,
    PRIMARY KEY (chat, member)
);

-- What is remembered of the last directory that was trusted, in parts: it may be
-- many megabytes.
CREATE TABLE directory_memory (part BIGINT PRIMARY KEY, body BYTEA NOT NULL);

-- Each step of a leaver out of one chat, by its key.
CREATE TABLE leavers (
    key     TEXT PRIMARY KEY,
    chat    BIGINT NOT NULL REFERENCES chats,
    member  TEXT NOT NULL,
    shown   TEXT NOT NULL,                -- the id that the chat lists them by
    person  TEXT NOT NULL,
    leaves  TEXT NOT NULL,                -- the last day
    due     BIGINT NOT NULL,
    because TEXT NOT NULL,
    told    BIGINT NOT NULL DEFAULT 0,       -- when the farewell was planned; 0: none stands
    prompt  TEXT NOT NULL DEFAULT '',
    action  TEXT NOT NULL DEFAULT '',     -- key of the last removal that was planned
    agreed  BIGINT NOT NULL DEFAULT 0,       -- two people approved it
    removed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX leavers_person ON leavers (person);

-- Who said yes to what: the key of a step or of a question.
CREATE TABLE approvals (
    key     TEXT NOT NULL,
    officer TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (key, officer)
);

-- Who stays, or came back, in spite of a leaving date (JSON).
CREATE TABLE reinstatements (
    person TEXT NOT NULL,
    leaves TEXT NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (person, leaves)
);

-- What administrators should look at, for as long as it is so.
CREATE TABLE alarms (
    kind    TEXT NOT NULL,
    account TEXT NOT NULL,
    chat    TEXT NOT NULL,
    member  TEXT NOT NULL,
    person  TEXT NOT NULL,
    since   BIGINT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (kind, account, chat, member, person)
);

-- A person has stopped every removal (JSON).
CREATE TABLE brake (one BIGINT PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL);

-- +goose Down
DROP TABLE brake; DROP TABLE alarms; DROP TABLE reinstatements; DROP TABLE approvals; DROP TABLE leavers; DROP TABLE directory_memory;
DROP TABLE memberships; DROP TABLE member_ids; DROP TABLE members;
