-- What was paid back and what a penalty rests on is history as the ledger is: rows are added and never changed. What is
-- wrong is put right by a further posting.
create trigger ledger_is_immutable before update or delete or truncate on purchase_refund
  for each statement execute function ledger_is_immutable();
create trigger ledger_is_immutable before update or delete or truncate on message_refund
  for each statement execute function ledger_is_immutable();
create trigger ledger_is_immutable before update or delete or truncate on penalty_evidence
  for each statement execute function ledger_is_immutable();
