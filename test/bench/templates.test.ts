import type { Message } from 'smpp';
import smpp from 'smpp';
import { describe, expect, it } from 'vitest';
import { receiptTemplate, submitTemplate } from '../../src/bench/templates.ts';
import { digits, putDigits } from '../../src/bench/wire.ts';

function textOf(message: unknown): string {
  return String((message as Message).message);
}

describe('submitTemplate', () => {
  it('is a submit_sm with 60 octets of text and a receipt asked for, as npm smpp reads it', () => {
    const { pdu } = submitTemplate('Bench');
    const read = new smpp.PDU(pdu);
    expect(read).toMatchObject({
      command: 'submit_sm',
      source_addr: 'Bench',
      source_addr_ton: 5,
      registered_delivery: 1,
      data_coding: 0,
    });
    expect(textOf(read.short_message)).toHaveLength(60);
  });

  it('takes the number of a message in its destination and in its text', () => {
    const { pdu, destinationAt, textAt } = submitTemplate('Bench');
    putDigits(pdu, destinationAt, 8, 1234567);
    putDigits(pdu, textAt, 8, 1234567);
    const read = new smpp.PDU(pdu);
    expect(read.destination_addr).toBe('9665001234567');
    expect(textOf(read.short_message)).toContain(' 01234567 ');
  });
});

describe('receiptTemplate', () => {
  it('is a receipt in text and TLVs, as npm smpp reads it', () => {
    const { pdu, destinationAt, idAt } = receiptTemplate(
      'Bench',
      5,
      0,
      Date.UTC(2026, 10, 22, 9, 5),
    );
    putDigits(pdu, destinationAt, 8, 42);
    for (const at of idAt) putDigits(pdu, at, 15, 123);
    const read = new smpp.PDU(pdu);
    expect(read).toMatchObject({
      command: 'deliver_sm',
      esm_class: 4,
      source_addr: '9665000000042',
      destination_addr: 'Bench',
      receipted_message_id: '000000000000123',
      message_state: 2,
    });
    expect(textOf(read.short_message)).toBe(
      'id:000000000000123 sub:001 dlvrd:001 submit date:2611220905 done date:2611220905 stat:DELIVRD err:000 text:',
    );
  });
});

describe('putDigits', () => {
  it('writes what digits reads', () => {
    const buffer = Buffer.alloc(20);
    putDigits(buffer, 3, 15, 176_000_000_000_001);
    expect(buffer.toString('latin1', 3, 18)).toBe('176000000000001');
    expect(digits(buffer, 3, 15)).toBe(176_000_000_000_001);
  });
});
