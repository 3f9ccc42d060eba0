-- Late orphans: a receipt that fits no dispatch is held against the submits of its carrier that were sent again.
create index on unknown_outcome (carrier, since) where resolution = 'resent';
