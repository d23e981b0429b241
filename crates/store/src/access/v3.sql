-- A session ends with the token that it was made of.
ALTER TABLE sessions ADD COLUMN token TEXT REFERENCES tokens (id) ON DELETE CASCADE;
