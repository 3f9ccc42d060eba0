// The comparisons of reconcile.ts that are about what people and rules posted. Rows are differences.

/** Each top-up row has its entry with its amount, and each top-up entry its row. */
export const TOP_UPS = `
  select a.name as account, 'top-up ' || coalesce(t.reference, e.reference, '?') as place, 'amount' as what,
    t.credits::text as expected, e.amount::text as found
  from (select * from ledger_entry where kind = 'top_up') e full join top_up t on t.entry = e.id
    left join account a on a.id = coalesce(t.account, e.account)
  where t.credits is distinct from e.amount or t.account is distinct from e.account order by a.id, e.id`;

/**
 * Each posting that the audit has of a person or a rule (top-up, penalty, adjustment, forfeiture, purchase refund) stands
 * in the ledger with its amount: so an entry that was taken off the end of an account's chain, chain and balance with it,
 * is missed all the same.
 */
export const AUDITED_POSTINGS = `
  select a.name as account, p.action || ' ' || p.reference as place, 'amount' as what, p.amount::text as expected,
    e.amount::text as found
  from (select id, subject, action, detail ->> 'reference' as reference, (detail ->> 'microCredits')::bigint as amount
      from audit where action in ('account.topUp', 'account.penalty', 'account.adjustment', 'account.forfeit',
        'account.purchaseRefund')) p
    join account a on a.name = p.subject
    left join (select account, reference, sum(amount) as amount from ledger_entry where reference is not null
      group by account, reference) e on e.account = a.id and e.reference = p.reference
  where e.amount is distinct from p.amount order by a.id, p.id`;
