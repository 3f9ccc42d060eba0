import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountId } from '../../src/domain/ids.ts';
import { PartTexts } from '../../src/gateway/part-texts.ts';
import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const ALICE = accountId(1);
const pdu = { source_addr: 'ACME' };

describe('add', () => {
  const part = (of: PartTexts, number: number, text: string, nowMs = 0, total = 3) =>
    of.add(ALICE, pdu, '966', { reference: 7, total, part: number }, text, nowMs);

  it('puts parts together in their order, whichever comes first', () => {
    const parts = new PartTexts();
    expect(part(parts, 2, 'ino')).toMatchObject({ text: 'ino', missing: 2 });
    expect(part(parts, 1, 'cas')).toMatchObject({ text: 'casino', missing: 1 });
    expect(part(parts, 3, '!')).toMatchObject({ text: 'casino!', missing: 0 });
  });

  it('ends a word where a part is missing', () => {
    const parts = new PartTexts();
    part(parts, 1, 'cas');
    expect(part(parts, 3, 'ino')?.text).toBe('cas\nino');
  });

  it('takes a part once, and forgets a message that is whole, or old', () => {
    const parts = new PartTexts();
    part(parts, 1, 'one', 0, 2);
    expect(part(parts, 1, 'ONE', 0, 2)).toMatchObject({ text: 'ONE', missing: 1 });
    expect(part(parts, 2, 'two', 0, 2)?.missing).toBe(0);
    expect(part(parts, 2, 'two', 0, 2)).toMatchObject({ text: 'two', missing: 1 });
    expect(part(parts, 1, 'one', 70_000, 2)).toMatchObject({ text: 'one', missing: 1 });
  });

  it('keeps a thousand open messages of an account, and none of them costs another account its own', () => {
    const parts = new PartTexts();
    const open = (account: number, reference: number, number: number) =>
      parts.add(accountId(account), pdu, '1', { reference, total: 2, part: number }, 'x', 0);
    open(2, 1, 1);
    for (let reference = 0; reference <= 1_000; reference++) open(1, reference, 1);
    expect(open(1, 0, 2)?.missing).toBe(1);
    expect(open(1, 1_000, 2)?.missing).toBe(0);
    expect(open(2, 1, 2)?.missing).toBe(0);
  });
});

describe('a long message submitted in parts', () => {
  let carrier: ScriptedCarrier;
  let gateway: TestGateway;
  let esme: Esme;
  beforeAll(async () => {
    carrier = await ScriptedCarrier.listen();
    const rules = [
      { bannedWords: { words: ['casino'] } },
      {
        template: { templates: [{ text: 'Your code is {digits:6}, thank you' }] },
        when: { senders: ['OTP'] },
      },
    ];
    gateway = await TestGateway.start(
      resources({
        policies: { clean: { rules } },
        accounts: { alice: { policy: 'clean' } },
        tariffs: { standard: { '1': '0.1' } },
        carriers: { main: { port: carrier.port, prefix: '1' } },
      }),
    );
    esme = await Esme.bind(gateway.port, { systemId: 'alice' });
  });
  afterAll(async () => {
    await esme?.close();
    await gateway?.close();
    await carrier?.down();
  });

  const submit = async (
    part: number,
    short_message: string,
    reference: number,
    source = 'ACME',
  ) => {
    const response = await esme.submit({
      source_addr_ton: 5,
      source_addr: source,
      destination_addr: '12025550101',
      short_message,
      sar_msg_ref_num: reference,
      sar_total_segments: 2,
      sar_segment_seqnum: part,
    });
    return response.command_status;
  };

  it('is refused with the part that completes a word cut across two', async () => {
    expect(await submit(1, 'Come to our cas', 1)).toBe(0);
    expect(await submit(2, 'ino tonight', 1)).toBe(0x405);
    // The same parts of two messages are no word.
    expect(await submit(1, 'Come to our cas', 2)).toBe(0);
    expect(await submit(2, 'ino tonight', 3)).toBe(0);
  });

  it('is compared with templates when it is whole', async () => {
    expect(await submit(1, 'Your code is 12', 4, 'OTP')).toBe(0);
    expect(await submit(2, '3456, thank you', 4, 'OTP')).toBe(0);
    expect(await submit(1, 'Your code is 12', 5, 'OTP')).toBe(0);
    expect(await submit(2, '3456, thank them', 5, 'OTP')).toBe(0x405);
  });
});
