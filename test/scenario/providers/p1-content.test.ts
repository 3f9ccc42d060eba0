import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload } from '../../gateway/esme.ts';
import { eventually } from '../../support/gateway.ts';
import { type Ending, type Given, twin } from './customer.ts';
import { Provider } from './stage.ts';

// Rows P1.1 and P1.4 of a provider that is strict about content; the twin sells credit and reads no text.

const REFUSED: Ending = { status: 0x405, entries: [], balance: '100' };
/** To Saudi Arabia: a segment costs 0.05 and 0.07. */
const SOLD: Ending = {
  status: 0,
  receipt: 'DELIVRD',
  entries: ['charge -0.07'],
  balance: '999.93',
};

let strict: Provider;
let seller: Provider;
beforeAll(async () => {
  [strict, seller] = await Promise.all([
    Provider.start('content-strict', undefined, { service: 20 }),
    Provider.start('credit-seller', undefined, { service: 20 }),
  ]);
  await strict.registerSenders('*', ['Shop']);
});
afterAll(async () => {
  await strict?.close();
  await seller?.close();
});

const strictService = () => strict.customer('service');
const sellerService = () => seller.customer('service');

describe('P1.1 obscene and banned words', () => {
  it.each([
    ['English, with digits for letters', 'Win at our c4sin0 tonight', 'latin1'],
    ['English, with letters apart', 'Win at our C-A-S-I-N-O tonight', 'latin1'],
    ['Arabic, with tatweel and marks', 'جرب كــازِينو الآن', 'ucs2'],
    ['Russian, with Latin look-alikes', 'Лучшее кaзинo города', 'ucs2'],
    ['Urdu', 'ہمارے ساتھ کیسینو کھیلیں', 'ucs2'],
  ] as const)('P1.1 are refused, free of charge: %s', async (_what, text, encoding) => {
    await twin(
      payload(text, encoding),
      [await strictService(), REFUSED],
      [await sellerService(), SOLD],
    );
  });

  it('P1.1 are never found inside an innocent word', async () => {
    const customer = await strictService();
    for (const text of ['Your class is in Scunthorpe', 'Essex cocktail assessment at Penistone'])
      expect(await customer.send({ short_message: text })).toMatchObject({ receipt: 'DELIVRD' });
    expect(await customer.balance()).toMatchObject({ credits: '99.9' });
  });

  it('P1.1 are found when they are cut across two parts: neither is sent, and neither costs', async () => {
    const to = '966500000077';
    const [first = {}, second = {}] = ['Come and win tonight at our ca', 'sino in the harbour'].map(
      (message, i): Given => ({
        destination_addr: to,
        esm_class: 0x40,
        short_message: { udh: Buffer.from([5, 0, 3, 77, 2, i + 1]), message },
      }),
    );
    const customer = await strictService();
    const esme = await customer.esme();
    const id = await esme.accepted(first);
    expect(await customer.entries()).toEqual(['top_up +100', 'charge -0.05']);
    expect((await esme.submit(second)).command_status).toBe(0x405);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await customer.entries()).toEqual(['top_up +100', 'charge -0.05', 'refund +0.05']);
    expect(await customer.balance()).toMatchObject({ credits: '100' });
    expect(strict.carrier().to(to)).toEqual([]);

    const other = await sellerService();
    expect(await other.send(first)).toEqual(SOLD);
    expect(await other.send(second)).toEqual({ ...SOLD, balance: '999.86' });
    expect(seller.carrier().to(to)).toHaveLength(2);
  });
});

describe('P1.4 categories with their own action', () => {
  it.each([
    ['share trading', 'Buy the hot stock of the week'],
    ['elections', 'Vote for Salem on Sunday'],
    ['threats', 'Be there tonight or you will regret it'],
    ['insult to religion', 'Join us and burn the quran'],
    ['drugs', 'Cocaine and heroin to your door'],
    ['pornography', 'Free porn for you'],
    ['discrimination', 'A new club, whites only'],
  ])('P1.4 refuses %s', async (_what, text) => {
    await twin(
      { short_message: text },
      [await strictService(), REFUSED],
      [await sellerService(), SOLD],
    );
  });

  it.each([
    ['donation drives', 'Please donate now for the well'],
    ['misleading texts', 'Dear customer, you have won! Claim your prize'],
    ['unauthorised products', 'Sleeping pills, no prescription needed'],
  ])('P1.4 holds %s for a moderator, who refuses: nothing is refunded', async (_what, text) => {
    const customer = await strictService();
    const held: Ending = { status: 0, entries: ['charge -0.05'], balance: '99.95' };
    await twin({ short_message: text }, [customer, held], [await sellerService(), SOLD]);
    const { messages } = await strict.http<{ messages: { id: string }[] }>(
      'GET',
      `/v1/moderation?account=${customer.name}`,
    );
    const [id = ''] = messages.map((message) => message.id);
    expect(strict.carrier().submits.map(({ pdu }) => String(pdu.short_message))).not.toContain(
      text,
    );
    const refused = await strict.cli('moderation', 'refuse', id, '--reason', 'no licence');
    expect(refused).toMatchObject({ code: 0 });
    expect(await (await customer.esme()).receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await customer.balance()).toMatchObject({ credits: '99.95' });
    expect(await customer.entries()).toEqual(['top_up +100', 'charge -0.05']);
  });

  it('P1.4 sends what a moderator releases', async () => {
    const customer = await strictService();
    await customer.send({ short_message: 'The mosque asks: donate now' }, false);
    const { messages } = await strict.http<{ messages: { id: string }[] }>(
      'GET',
      `/v1/moderation?account=${customer.name}`,
    );
    const [id = ''] = messages.map((message) => message.id);
    await strict.http('POST', `/v1/moderation/${id}/release`, { reason: 'licence 12' });
    expect(await (await customer.esme()).receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
  });

  it('P1.4 flags what words only hint at: sent, counted by rule', async () => {
    const text = 'We track any phone for you';
    const customer = await strictService();
    const sent = { ...SOLD, entries: ['charge -0.05'], balance: '99.95' };
    expect(await customer.send({ short_message: text })).toEqual(sent);
    expect(await (await sellerService()).send({ short_message: text })).toEqual(SOLD);
    const rule = { rule: 'privacy-and-copyright', action: 'flag' };
    const flagged = (provider: Provider) =>
      provider.daemon.metric('smppgate_policy_decisions_total', rule);
    await eventually(async () => expect(await flagged(strict)).toBe(1));
    expect(await flagged(seller)).toBe(0);
  });

  it('P1.4 and P1.1 leave the books in agreement', async () => {
    await strict.reconciled();
    await seller.reconciled();
  });
});
