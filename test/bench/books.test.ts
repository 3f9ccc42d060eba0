import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCarrierBook, readCustomerBook } from '../../src/bench/books.ts';
import { LoadMeter } from '../../src/bench/load-meter.ts';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'books-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function writeBooks(messages: number) {
  const files = { customer: join(folder, 'customer'), carrier: join(folder, 'carrier') };
  const carrier = await startSimulatedCarrier({ log: files.carrier, firstId: 100 });
  const customer = startSimulatedCustomer({
    host: '127.0.0.1',
    port: carrier.port,
    systemId: 'acme',
    password: 'secret',
    messages,
    destination: '966######',
    log: files.customer,
  });
  await customer.done;
  await carrier.close();
  return files;
}

describe('readCustomerBook', () => {
  it('reads what a simulated customer wrote', async () => {
    const { customer } = await writeBooks(3);
    const book = await readCustomerBook(customer, 'acme');
    expect(book.submits.get(2)).toMatchObject({ destination: '966000002', status: 0, id: '102' });
    expect(book.receipts.get('102')).toMatchObject([
      { state: 'DELIVRD', destination: '966000002' },
    ]);
  });

  it('passes over a last line that was cut short', async () => {
    const { customer } = await writeBooks(1);
    appendFileSync(customer, '{"event":"answer","n":0,"sta');
    expect((await readCustomerBook(customer, 'acme')).submits.size).toBe(1);
  });
});

describe('readCarrierBook', () => {
  it('reads what a simulated carrier wrote, and both books have the same text hash', async () => {
    const { customer, carrier } = await writeBooks(2);
    const book = await readCarrierBook(carrier);
    expect(book.submits.get('966000001')).toMatchObject([{ id: '101', status: 0 }]);
    expect([...(book.receipts.get('101') ?? [])]).toEqual(['DELIVRD']);
    const { submits } = await readCustomerBook(customer, 'acme');
    expect(book.submits.get('966000001')?.[0]?.textHash).toBe(submits.get(1)?.textHash);
  });
});

describe('LoadMeter', () => {
  it('counts the positive answers added since the last call', async () => {
    const { customer } = await writeBooks(5);
    const meter = new LoadMeter([customer]);
    expect(meter.read()).toBe(5);
    expect(meter.read()).toBe(0);
    const half = '{"event":"answer","at":1,"n":5,"status":0,"id":"1"}\n';
    appendFileSync(customer, half.slice(0, 20));
    expect(meter.read()).toBe(0);
    appendFileSync(
      customer,
      `${half.slice(20)}{"event":"answer","at":1,"n":6,"status":88,"id":""}\n`,
    );
    expect(meter.read()).toBe(1);
    meter.close();
  });

  it('fails when a book is not there', () => {
    writeFileSync(join(folder, 'a'), '');
    expect(() => new LoadMeter([join(folder, 'b')])).toThrow('ENOENT');
  });
});
