-- From where the act came: the address of the HTTP request; null for what the daemon did by itself. It is part of the
-- hash of its row (store/audit.ts); rows from before have none, and their hashes stand.
alter table audit add column address text;
create index on audit (at);
