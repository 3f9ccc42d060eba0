import type { Hit, PolicyVerdict } from './policy.ts';

/** What a rule did about a message that was accepted, for its timeline. */
export interface PolicyNote {
  readonly event: 'flagged' | 'monitored' | 'rewritten' | 'deferred' | 'refusedByPolicy';
  /** '': refused, but not by a rule. */
  readonly rule: string;
  /** Words without content. */
  readonly reason?: string | undefined;
}

/** Notes of the rules that let a message pass; undefined: none. What holds it is noted with that. */
export function notesOf({
  hits,
  notBeforeMs,
}: Pick<PolicyVerdict, 'hits' | 'notBeforeMs'>): PolicyNote[] | undefined {
  if (hits.length === 0) return undefined;
  const notes = hits.flatMap(({ rule, action }) => {
    const event = NOTED[action];
    if (event === undefined) return [];
    const reason = event === 'deferred' ? deferredUntil(notBeforeMs) : undefined;
    return { event, rule, reason };
  });
  return notes.length === 0 ? undefined : notes;
}

/** Until when a rule defers a message, in words. @param notBeforeMs unix ms; Infinity: it is not known */
export function deferredUntil(notBeforeMs: number): string | undefined {
  return Number.isFinite(notBeforeMs)
    ? `not before ${new Date(notBeforeMs).toISOString()}`
    : undefined;
}

const NOTED: Readonly<Partial<Record<Hit['action'], PolicyNote['event']>>> = {
  flag: 'flagged',
  monitor: 'monitored',
  rewrite: 'rewritten',
  defer: 'deferred',
};
