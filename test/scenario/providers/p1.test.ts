import { afterAll, beforeAll, it } from 'vitest';
import { Provider, twin } from './stage.ts';

let strict: Provider;
let seller: Provider;
beforeAll(async () => {
  [strict, seller] = await Promise.all([
    Provider.start('content-strict'),
    Provider.start('credit-seller'),
  ]);
});
afterAll(async () => {
  await strict?.close();
  await seller?.close();
});

it('P1.1 words', async () => {
  await twin(
    { short_message: 'our casino' },
    [await strict.customer('service'), { status: 0x405, entries: [], balance: '100' }],
    [
      await seller.customer('service'),
      { status: 0, receipt: 'DELIVRD', entries: ['charge -0.05'], balance: '99.95' },
    ],
  );
});
