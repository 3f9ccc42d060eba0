import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { ADMIN_TOKEN, type TestDaemon } from '../support/daemon.ts';
import { Stage } from './stage.ts';

/** Enough that an answer which does not wait is caught: some of them win the race by luck. */
const TIMES = 60;

let stage: Stage;
let daemon: TestDaemon;
const esmes = new Map<string, Esme>();

beforeAll(async () => {
  stage = await Stage.onDatabase();
  const rules = {
    consenting: { consent: {} },
    optingOut: { optOut: {} },
    registered: { senderRegistered: {} },
    free: undefined,
  };
  const accounts = Object.keys(rules);
  const usual = stage.resources({ accounts }) as { accounts: { name: string }[] };
  daemon = await stage.startDaemon({
    resources: {
      ...usual,
      accounts: usual.accounts.map((account) => ({ ...account, policy: account.name })),
      policies: Object.fromEntries(
        Object.entries(rules).map(([name, rule]) => [name, { rules: rule ? [rule] : [] }]),
      ),
    },
  });
  for (const systemId of accounts)
    esmes.set(systemId, await Esme.bind(daemon.smppPort, { systemId }));
});

afterAll(async () => {
  for (const esme of esmes.values()) await esme.cut();
  await stage.close();
});

async function http(method: 'PUT' | 'DELETE', path: string, body: object): Promise<object> {
  const answer = await fetch(`${daemon.httpUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as object;
}

async function statusOf(account: string, fields: Record<string, unknown>): Promise<number> {
  const answer = await esmes.get(account)?.submit(fields);
  if (answer === undefined) throw new Error(`${account} is not bound`);
  return answer.command_status;
}

const numberOf = (i: number) => `96650000${String(i).padStart(4, '0')}`;

/** Status of one message after a list was added to and one after that was undone, many times. */
async function race(
  account: string,
  path: string,
  entryOf: (i: number) => object,
  fieldsOf: (i: number) => Record<string, unknown>,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let i = 0; i < TIMES; i++) {
    const added = await http('PUT', path, entryOf(i));
    const after = await statusOf(account, fieldsOf(i));
    const removed = await http('DELETE', path, entryOf(i));
    const undone = await statusOf(account, fieldsOf(i));
    seen.add(`${after.toString(16)} ${undone.toString(16)}`);
    for (const answer of [added, removed]) expect(answer).not.toHaveProperty('live');
  }
  return seen;
}

describe('the answer to a change of a list', () => {
  it('comes when the rules of this node go by it: consents', async () => {
    const seen = await race(
      'consenting',
      '/v1/consents',
      (i) => ({ account: 'consenting', number: numberOf(i) }),
      (i) => ({ destination_addr: numberOf(i) }),
    );
    expect([...seen]).toEqual(['0 407']);
  });

  it('likewise of opt-outs', async () => {
    const seen = await race(
      'optingOut',
      '/v1/opt-outs',
      (i) => ({ account: 'optingOut', number: numberOf(i) }),
      (i) => ({ destination_addr: numberOf(i) }),
    );
    expect([...seen]).toEqual(['406 0']);
  });

  it('likewise of senders', async () => {
    const seen = await race(
      'registered',
      '/v1/senders',
      (i) => ({ account: 'registered', sender: `Shop${i}`, status: 'approved' }),
      (i) => ({ destination_addr: numberOf(0), source_addr: `Shop${i}`, source_addr_ton: 5 }),
    );
    expect([...seen]).toEqual(['0 a']);
  });

  it('likewise of suspended destinations', async () => {
    const seen = await race(
      'free',
      '/v1/suspensions',
      (i) => ({ prefix: numberOf(i), reason: 'order' }),
      (i) => ({ destination_addr: numberOf(i) }),
    );
    expect([...seen]).toEqual(['404 0']);
  });
});
