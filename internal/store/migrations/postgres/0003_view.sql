-- +goose Up
-- What the member was last shown, as a digest: what looks the same is not
-- shown again. '' is not known.
ALTER TABLE prompts ADD COLUMN view TEXT NOT NULL DEFAULT '';
CREATE INDEX records_prompt ON records (prompt);

-- +goose Down
DROP INDEX records_prompt;
ALTER TABLE prompts DROP COLUMN view;
