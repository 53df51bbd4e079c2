-- +goose Up
-- When members were asked something that counts against their budget: for the
-- day, and no longer.
CREATE TABLE asked (
    prompt  TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    member  TEXT NOT NULL,
    at      INTEGER NOT NULL            -- Unix milliseconds
) WITHOUT ROWID;
CREATE INDEX asked_member ON asked (account, member, at);
CREATE INDEX asked_at ON asked (at);

-- What a prompt tells of, where it asks nothing; and who wrote the messages,
-- where another member is asked about them.
ALTER TABLE prompts ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE prompts ADD COLUMN sender TEXT NOT NULL DEFAULT '';
CREATE INDEX prompts_about ON prompts (chat, member, about) WHERE about <> '';
CREATE INDEX prompts_sender ON prompts (chat, sender) WHERE sender <> '';

-- Claims of exceptional circumstances. The reason is a record.
CREATE TABLE claims (
    record TEXT PRIMARY KEY,
    chat   INTEGER NOT NULL REFERENCES chats,
    day    TEXT NOT NULL,               -- the local date, or the incident, that is reported of
    at     INTEGER NOT NULL,            -- Unix milliseconds
    body   TEXT NOT NULL                -- JSON: the policy lines
) WITHOUT ROWID;
CREATE INDEX claims_day ON claims (chat, day);

-- +goose Down
DROP TABLE claims;
DROP INDEX prompts_sender; DROP INDEX prompts_about;
ALTER TABLE prompts DROP COLUMN sender; ALTER TABLE prompts DROP COLUMN about;
DROP TABLE asked;
