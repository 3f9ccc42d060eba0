-- A carrier that leaves the resources keeps its row, and with it its name: what it carried is reported, reconciled and
-- invoiced as before, and outages that were declared for it stand. Named again it is the same carrier, with the id it had.
alter table carrier add column removed_at timestamptz;   -- null: it stands in the resources
