import type { AccountId } from '../domain/ids.ts';
import type { PolicyFacts } from '../domain/policy-rule.ts';
import { noteReplacement } from '../store/policy-notes.ts';
import { withClient } from '../store/pool.ts';
import { firstOfKeys } from '../store/submit-keys.ts';
import { Aliases } from './aliases.ts';
import { BindBook } from './bind-book.ts';
import { Customers } from './customers.ts';
import { HeldMessages } from './held-messages.ts';
import { Manage } from './manage.ts';
import { Outbox } from './outbox.ts';
import { PartSets } from './part-sets.ts';
import type { GatewayParts } from './parts.ts';
import { PolicyReplay } from './policy-replay.ts';
import { PolicyStep } from './policy-step.ts';
import { Quotas } from './quotas.ts';
import { Replacer } from './replace.ts';
import { SaidTexts } from './said-texts.ts';
import { SharedRecipients } from './shared-recipients.ts';
import { SubmitPath } from './submit.ts';
import { WaitingList } from './waiting-list.ts';

/*
 * The parts of the pipeline that face customers, put together: what each does stands in its own file.
 */

export function newBook(parts: GatewayParts): BindBook {
  return new BindBook({
    ...parts.common,
    epoch: parts.options.keeper.epoch,
    accountOf: (systemId) => parts.common.catalog().binds.get(systemId)?.account.id,
  });
}

export function newSubmitPath(parts: GatewayParts): SubmitPath {
  return new SubmitPath({
    ...parts.common,
    nextId: (nowMs) => parts.ids.nextMessage(nowMs),
    keys: parts.keys,
    groups: parts.groups,
    rates: parts.options.limits.rates,
    facts: factsOf(parts),
    replacingFacts: factsOf(parts, parts.saidTexts.saidByOthers),
    suspensions: parts.options.recipients.suspensions,
    accept: parts.lanes.accept,
    aliases: new Aliases(parts.common.pool),
    firstOf: (keys) => withClient(parts.common.pool, (client) => firstOfKeys(client, keys)),
    router: parts.router,
    queued: parts.queued,
    brake: parts.brake,
    enqueue: (messages) => parts.carriers.enqueue(messages),
    violations: parts.violations,
    quotas: parts.quotas,
    heldStored: (account, held) => parts.violations.stored(account.id, held),
    signals: parts.signals,
    partSets: parts.partSets,
    saidTexts: parts.saidTexts,
    rejectByReceipt: (message) => parts.endings.rejected(message),
    replaceIfPresent: (account, msisdn, next) =>
      parts.replacer.replaceIfPresent(account, msisdn, next),
  });
}

export function newHeldMessages(parts: GatewayParts): HeldMessages {
  return new HeldMessages({
    ...parts.common,
    load: (ids) => parts.loader.load(ids),
    newer: (copy) => parts.loader.newer(copy),
    refuse: (message, told) => parts.endings.stopped(message, told),
  });
}

/** For messages that were judged before. */
export function newPolicyStep(parts: GatewayParts): PolicyStep {
  const { violations, quotas } = parts;
  const facts = factsOf(parts, parts.saidTexts.saidByOthers);
  return new PolicyStep({ ...parts.common, facts, violations, quotas }, false);
}

export function newPartSets(parts: GatewayParts): PartSets {
  const { violations } = parts;
  const policy = newPolicyStep(parts);
  return new PartSets({
    ...parts.common,
    epoch: parts.options.keeper.epoch,
    hash: (text) => parts.options.sealing.textHash(text),
    load: (ids) => parts.loader.load(ids),
    newer: (copy) => parts.loader.newer(copy),
    judge: (one, submit, texts, total) => policy.judgeWhole(one, submit, texts, total),
    booked: (id, verdict) => policy.booked({ id }, verdict),
    foundSaid: (account, found) => policy.foundSaid(account, found),
    refuse: (message, charged, told) => parts.endings.refusedWhole(message, charged, told),
    heldStored: (account, held) => violations.stored(account, held),
    bring: (due) => parts.scheduled.bring(due),
  });
}

export function newReplay(parts: GatewayParts): PolicyReplay {
  return new PolicyReplay({ ...parts.common, keys: parts.keys, facts: factsOf(parts) });
}

export function newReplacer(parts: GatewayParts): Replacer {
  const numberHashes = (msisdn: string) => parts.options.sealing.numberHashes(msisdn);
  const { pool, observer } = parts.common;
  return new Replacer({
    ...parts.common,
    facts: factsOf(parts, parts.saidTexts.saidByOthers),
    violations: parts.violations,
    quotas: parts.quotas,
    heldStored: (account, held) => parts.violations.stored(account.id, held),
    lookups: parts.lookups,
    keys: parts.keys,
    replace: parts.lanes.replace,
    saidTexts: parts.saidTexts,
    numberHashes,
    noted: (id, notes) => {
      const failed = (error: unknown) =>
        observer.note('warn', 'policyNoteNotStored', { reason: String(error) });
      noteReplacement(pool, id, notes).catch(failed);
    },
    newer: (copy) => parts.loader.newer(copy),
  });
}

/** What rules count over all nodes. */
export function newQuotas(parts: GatewayParts): Quotas {
  const { sealing } = parts.options;
  return new Quotas({
    ...parts.common,
    monotonic: () => performance.now(),
    hash: (text) => sealing.textHash(text),
  });
}

/** What rules remember of texts, over all nodes. */
export function newSaidTexts(parts: GatewayParts): SaidTexts {
  return new SaidTexts(parts.options.sealing);
}

/** What rules remember of recipients, told to the other nodes. */
export function newSharedRecipients(parts: GatewayParts): SharedRecipients {
  const { sealing, keeper, recipients } = parts.options;
  const { epoch } = keeper;
  return new SharedRecipients({ ...parts.common, sealing, epoch, memory: recipients.memory });
}

export function newManage(parts: GatewayParts): Manage {
  const { sealing, limits, responseTimeoutMs } = parts.options;
  return new Manage({
    ...parts.common,
    rates: limits.rates,
    lookups: parts.lookups,
    replacer: parts.replacer,
    responseTimeoutMs,
    numberHashes: (msisdn) => sealing.numberHashes(msisdn),
    end: (message, told) => parts.endings.cancelled(message, told),
    newer: (copy) => parts.loader.newer(copy),
    forget: (message) => parts.carriers.forget(message),
  });
}

export function newCustomers(parts: GatewayParts): Customers {
  const { authenticator, limits } = parts.options;
  return new Customers({
    ...parts.common,
    authenticator,
    bindLimits: limits.binds,
    bindBook: parts.bindBook,
    submit: parts.submit,
    manage: parts.manage,
    outbox: parts.outbox,
  });
}

export function newOutbox(parts: GatewayParts): Outbox {
  const { returned, deferred } = parts.lanes;
  const take = (account: AccountId, most: number) => parts.waiting.take(account, most);
  return new Outbox({
    ...parts.common,
    random: Math.random,
    brake: parts.brake,
    returned,
    deferred,
    takeWaiting: take,
    recipientsWaiting: (account, asked) => parts.waiting.recipientsWaiting(account, asked),
  });
}

export function newWaitingList(parts: GatewayParts): WaitingList {
  const { keeper } = parts.options;
  const stored = () => parts.lanes.deferred.drain();
  return new WaitingList({
    ...parts.common,
    keeper,
    loader: parts.loader,
    keys: parts.keys,
    outbox: () => parts.outbox,
    stored,
  });
}

/** What the rules of policies look up. */
function factsOf(parts: GatewayParts, said = parts.saidTexts.said): PolicyFacts {
  return parts.options.recipients.facts(
    (msisdn) => parts.router.networkOf(msisdn),
    (account, rule, prefix) => parts.signals.isUnusual(account, rule, prefix),
    said,
  );
}
