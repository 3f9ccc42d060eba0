import type { CatalogAccount } from '../domain/catalog.ts';
import { type RefusalKey, statusOf } from '../domain/refusal.ts';
import type { FirstOfKey, SubmitKey } from '../store/submit-keys.ts';
import { customerIdOf, type Message, NOTHING } from './message.ts';
import type { GatewayObserver, SubmitResult } from './observer.ts';
import type { ReplayBrake } from './replay-brake.ts';
import {
  type Asked,
  answerAccepted,
  answerRefused,
  type DestinationAddress,
} from './submit-reply.ts';

/** Why a submit is refused that certainly is not stored. */
export const NOT_STORED = 'the message could not be stored';

/** Who asked, when, and for what. */
export interface Asking extends Asked {
  readonly receivedAtMs: number;
}

export interface SubmitAnswersDeps {
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly brake: Pick<ReplayBrake, 'answered'>;
  /** The messages that these repeat; undefined: the first was refused meanwhile. */
  firstOf(keys: readonly SubmitKey[]): Promise<(FirstOfKey | undefined)[]>;
}

/** Answers submits and counts how: each is answered once. */
export class SubmitAnswers {
  readonly #deps: SubmitAnswersDeps;

  constructor(deps: SubmitAnswersDeps) {
    this.#deps = deps;
  }

  accepted(
    asking: Asking,
    account: CatalogAccount,
    messageId: string,
    result: 'accepted' | 'repeated' = 'accepted',
  ): void {
    answerAccepted(asking, messageId);
    this.#count(asking, account, result);
  }

  /** By one of our refusals: with the status of the rule that refuses, of the account, or the refusal's own. */
  refused(
    asking: Asking,
    to: DestinationAddress,
    account: CatalogAccount,
    key: RefusalKey,
    reason: string,
    answer: number = statusOf(key, account.statusFor),
  ): void {
    answerRefused(asking, to, answer, reason);
    this.#count(asking, account, key);
  }

  /** By a status of the specification. */
  malformed(
    asking: Asking,
    to: DestinationAddress,
    account: CatalogAccount,
    commandStatus: number,
  ): void {
    answerRefused(asking, to, commandStatus, '');
    this.#count(asking, account, 'malformed');
  }

  /** `dedupe`: the answer to the first one is given again, and nothing else happens. */
  async repeated(submissions: readonly (Asking & { readonly message: Message })[]): Promise<void> {
    const keys = submissions.map(({ message: { account, submitKey } }) => ({
      account,
      key: submitKey ?? NOTHING,
    }));
    const first = await this.#deps.firstOf(keys).catch(() => []);
    for (const [i, submission] of submissions.entries()) {
      const { owner, echo } = submission.message;
      const found = first[i];
      // Refused in the same batch, or the store is away: he may send it again.
      if (found === undefined)
        this.refused(submission, echo, owner, 'storeUnavailable', NOT_STORED);
      else this.accepted(submission, owner, customerIdOf(found), 'repeated');
    }
  }

  #count({ receivedAtMs }: Asking, account: CatalogAccount, result: SubmitResult): void {
    const ms = this.#deps.now() - receivedAtMs;
    this.#deps.brake.answered(ms);
    this.#deps.observer.submitAnswered(account, result, ms / 1_000);
  }
}
