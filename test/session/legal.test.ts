import { describe, expect, it } from 'vitest';
import { illegalStatus, negotiatedVersion } from '../../src/session/legal.ts';
import type { RequestName } from '../../src/smpp/pdu.ts';

/** SMPP 3.4 table 2-1, §2.3: command, sent by ESME in, sent by SMSC in (X transmitter, R receiver, T transceiver). */
const TABLE: readonly (readonly [RequestName, string, string])[] = [
  ['submit_sm', 'XT', ''],
  ['submit_multi', 'XT', ''],
  ['query_sm', 'XT', ''],
  ['cancel_sm', 'XT', ''],
  ['replace_sm', 'XT', ''],
  ['data_sm', 'XT', 'RT'],
  ['deliver_sm', '', 'RT'],
  ['alert_notification', '', 'RT'],
];
const BOUND = { X: 'transmitter', R: 'receiver', T: 'transceiver' } as const;
const ESME_RINVBNDSTS = 0x04;
const ESME_RINVCMDID = 0x03;

describe('illegalStatus', () => {
  it.each(TABLE)('allows %s as table 2-1 does', (command, byEsme, bySmsc) => {
    for (const [letter, boundAs] of Object.entries(BOUND)) {
      expect(illegalStatus(command, 'esme', boundAs)).toBe(
        byEsme.includes(letter) ? 0 : ESME_RINVBNDSTS,
      );
      expect(illegalStatus(command, 'smsc', boundAs)).toBe(
        bySmsc.includes(letter) ? 0 : ESME_RINVBNDSTS,
      );
    }
    expect(illegalStatus(command, 'esme', undefined)).toBe(ESME_RINVBNDSTS);
    expect(illegalStatus(command, 'smsc', undefined)).toBe(ESME_RINVBNDSTS);
  });

  it('treats what is not offered as unknown', () => {
    const commands = [
      'outbind',
      'broadcast_sm',
      'query_broadcast_sm',
      'cancel_broadcast_sm',
    ] as const;
    for (const command of commands) {
      expect(illegalStatus(command, 'esme', 'transceiver')).toBe(ESME_RINVCMDID);
    }
  });
});

describe('negotiatedVersion', () => {
  it('knows 3.3, 3.4 and 5.0, and takes what lies between for the older', () => {
    expect([0x00, 0x03, 0x33].map(negotiatedVersion)).toEqual([0x33, 0x33, 0x33]);
    expect([0x34, 0x35, 0x4f].map(negotiatedVersion)).toEqual([0x34, 0x34, 0x34]);
    expect([0x50, 0x51, 0xff].map(negotiatedVersion)).toEqual([0x50, 0x50, 0x50]);
  });
});
