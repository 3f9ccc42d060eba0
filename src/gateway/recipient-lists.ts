import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { PolicyFacts } from '../domain/policy-rule.ts';
import { textSegments } from '../smpp/default-alphabet.ts';
import { CONSENT_CHANNEL } from '../store/consents.ts';
import { OPT_OUT_CHANNEL } from '../store/opt-outs.ts';
import type { Sealing } from '../store/sealing.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { GatewayObserver } from './observer.ts';
import { PolicyMemory } from './policy-memory.ts';
import { RecipientList } from './recipient-list.ts';
import { SenderList } from './sender-list.ts';
import { SuspensionList } from './suspension-list.ts';

export interface RecipientListsOptions {
  readonly pool: Pool;
  readonly sealing: Pick<Sealing, 'numberHashes'>;
  readonly observer: GatewayObserver;
  readonly feed: Pick<ChangeFeed, 'follow'>;
}

/** What this node holds in memory of recipients and senders, in step with the store: what rules look up. */
export class RecipientLists {
  readonly suspensions: SuspensionList;
  readonly #optOuts: RecipientList;
  readonly #consents: RecipientList;
  readonly #senders: SenderList;
  /** What rules remember of recipients. */
  readonly memory = new PolicyMemory();
  readonly #sealing: RecipientListsOptions['sealing'];
  /** Rules of one message ask for the same number. */
  #hashedNumber = '';
  #hashes: readonly Buffer[] = [];

  /** Reads all of them, then follows their changes. @throws DependencyError */
  static async open(options: RecipientListsOptions): Promise<RecipientLists> {
    return new RecipientLists(options, {
      optOuts: await RecipientList.open('optOuts', OPT_OUT_CHANNEL, options),
      consents: await RecipientList.open('consents', CONSENT_CHANNEL, options),
      senders: await SenderList.open(options),
      suspensions: await SuspensionList.open(options),
    });
  }

  private constructor(
    { sealing }: RecipientListsOptions,
    lists: {
      readonly optOuts: RecipientList;
      readonly consents: RecipientList;
      readonly senders: SenderList;
      readonly suspensions: SuspensionList;
    },
  ) {
    this.#sealing = sealing;
    this.#optOuts = lists.optOuts;
    this.#consents = lists.consents;
    this.#senders = lists.senders;
    this.suspensions = lists.suspensions;
  }

  /** Opt-outs and consents held. */
  get sizes(): { readonly optOuts: number; readonly consents: number } {
    return { optOuts: this.#optOuts.size, consents: this.#consents.size };
  }

  /** The look-ups of the rules. */
  facts(
    networkOf: (msisdn: string) => string | undefined,
    isUnusual: PolicyFacts['isUnusual'],
    said: PolicyFacts['said'],
  ): PolicyFacts {
    return {
      optedOut: (account, destination, sender, trafficClass) =>
        !this.#optOuts.isEmpty &&
        this.#optOuts.has(account, this.#hashesOf(destination), sender, trafficClass),
      hasConsent: (account, destination, trafficClass, needed) =>
        !this.#consents.isEmpty &&
        this.#consents.has(account, this.#hashesOf(destination), '', trafficClass, needed),
      registrationsOf: (account: AccountId, sender) => this.#senders.of(account, sender),
      networkOf,
      segmentsOf: textSegments,
      isUnusual,
      said,
      remembered: (rule, account, make) => this.memory.of(rule, account, make),
    };
  }

  #hashesOf(msisdn: string): readonly Buffer[] {
    if (msisdn !== this.#hashedNumber) {
      this.#hashes = this.#sealing.numberHashes(msisdn);
      this.#hashedNumber = msisdn;
    }
    return this.#hashes;
  }
}
