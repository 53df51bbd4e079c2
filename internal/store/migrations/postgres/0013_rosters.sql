-- +goose Up
-- Chats of a server in which the same people sit share one list of them, that of
-- the chat whose number roster gives: for most their own. Stays are of a list, or of
-- a chat whose list was another.
ALTER TABLE chats ADD COLUMN roster BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN server TEXT NOT NULL DEFAULT ''; -- of whose chats it is one, where the platform has servers
UPDATE chats SET roster = n;
CREATE INDEX chats_roster ON chats (roster);

-- +goose Down
DROP INDEX chats_roster;
ALTER TABLE chats DROP COLUMN server;
ALTER TABLE chats DROP COLUMN roster;
