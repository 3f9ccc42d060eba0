import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PcapFormat, SEGMENT_OCTETS } from '../../../src/ops/trace/pcap.ts';
import { encodeOne, PduWriter } from '../../../src/smpp/codec.ts';
import { newPdu, newResponse, type Pdu } from '../../../src/smpp/pdu.ts';
import { makeOctetsTlv } from '../../../src/smpp/tlv.ts';
import { pdusOf, readCapture, streamOf } from './capture-file.ts';
import { complaints, dissect, hasTshark } from './tshark.ts';

const folder = mkdtempSync(join(tmpdir(), 'smppgate-pcap-'));
afterAll(() => rmSync(folder, { recursive: true }));

const writer = new PduWriter();
const octetsOf = (pdu: Pdu): Buffer => Buffer.from(encodeOne(pdu, writer));
const smsc = { address: '192.0.2.1', port: 2775 };
const esme = { address: '198.51.100.7', port: 40_001 };
/** 2026-11-22T17:00:00Z and 123.456 ms. */
const AT = 1_795_366_800_123.456;

function long(octets: number): Pdu {
  const pdu = newPdu('submit_sm', 2);
  pdu.destination_addr = '966500000001';
  pdu.tlvs = [makeOctetsTlv('message_payload', Buffer.alloc(octets, 'x'))];
  return pdu;
}

describe('PcapFormat', () => {
  it('carries PDUs of both directions with their addresses, ports and times', async () => {
    const format = new PcapFormat();
    const request = octetsOf(newPdu('enquire_link', 1));
    const answer = octetsOf(newResponse('enquire_link_resp', 1, 0));
    const file = Buffer.concat([
      format.header(),
      format.packets({ atMs: AT, session: 1, from: esme, to: smsc, octets: request }),
      format.packets({ atMs: AT + 1, session: 1, from: smsc, to: esme, octets: answer }),
      format.packets({ atMs: AT + 2, session: 1, from: esme, to: smsc, octets: request }),
    ]);
    const packets = readCapture(file);
    expect(packets.map((one) => [one.sequence, one.acknowledged, one.sourcePort])).toEqual([
      [1, 1, 40_001],
      [1, 17, 2775],
      [17, 17, 40_001],
    ]);
    expect(packets[0]).toMatchObject({
      version: 4,
      source: 'c6336407',
      destination: 'c0000201',
      destinationPort: 2775,
      push: true,
      ipSum: 0xffff,
      tcpSum: 0xffff,
    });
    expect(packets[0]?.atMs).toBeCloseTo(AT, 2);
    expect(packets[0]?.payload).toEqual(request);
  });

  it('splits a PDU longer than a segment, and begins the next one in a packet of its own', async () => {
    const format = new PcapFormat();
    const pdus = [octetsOf(long(65_000)), octetsOf(long(SEGMENT_OCTETS)), octetsOf(long(3))];
    const file = Buffer.concat([
      format.header(),
      ...pdus.map((octets) =>
        format.packets({ atMs: AT, session: 1, from: esme, to: smsc, octets }),
      ),
    ]);
    const packets = readCapture(file);
    expect(packets.length).toBe(Math.ceil((pdus[0]?.length ?? 0) / SEGMENT_OCTETS) + 2 + 1);
    expect(
      packets.every((one) => one.payload.length <= SEGMENT_OCTETS && one.tcpSum === 0xffff),
    ).toBe(true);
    expect(pdusOf(streamOf(packets, 40_001, 2775))).toEqual(pdus);
    expect(packets.filter((one) => one.push)).toHaveLength(3);
    if (!(await hasTshark())) return;
    const path = join(folder, 'long.pcap');
    writeFileSync(path, file);
    expect(await complaints(path, 2775)).toBe('');
    const read = await dissect(path, 2775);
    expect(read.map((pdu) => pdu['smpp.destination_addr'])).toEqual(Array(3).fill('966500000001'));
  });

  it('writes IPv6, and IPv4 beside IPv6 as mapped', async () => {
    const format = new PcapFormat();
    const octets = octetsOf(newPdu('unbind', 1));
    const six = { address: '2001:db8::7', port: 40_001 };
    const end = { address: '::1', port: 2775 };
    const file = Buffer.concat([
      format.header(),
      format.packets({ atMs: AT, session: 1, from: six, to: end, octets }),
      format.packets({ atMs: AT, session: 2, from: six, to: smsc, octets }),
      format.packets({
        atMs: AT,
        session: 3,
        from: { address: 'fe80::1%eth0', port: 1 },
        to: end,
        octets,
      }),
      format.packets({ atMs: AT, session: 4, from: { address: '', port: 0 }, to: end, octets }),
      format.packets({
        atMs: AT,
        session: 5,
        from: { address: '64:ff9b::192.0.2.33', port: 1 },
        to: end,
        octets,
      }),
    ]);
    const packets = readCapture(file);
    expect(packets.map((one) => one.source)).toEqual([
      '20010db8000000000000000000000007',
      '20010db8000000000000000000000007',
      'fe800000000000000000000000000001',
      '00000000000000000000000000000000',
      '0064ff9b0000000000000000c0000221',
    ]);
    expect(packets[1]?.destination).toBe('00000000000000000000ffffc0000201');
    expect(packets.every((one) => one.tcpSum === 0xffff)).toBe(true);
    if (!(await hasTshark())) return;
    const path = join(folder, 'six.pcap');
    writeFileSync(path, file);
    const read = await dissect(path, 2775);
    expect(read[0]?.['ipv6.src']).toBe('2001:db8::7');
  });

  it('lets sequence numbers wrap at 2^32', async () => {
    const format = new PcapFormat(2 ** 32 - 20);
    const octets = octetsOf(newPdu('enquire_link', 1));
    const pdu = { atMs: AT, session: 1, from: esme, to: smsc, octets };
    const file = Buffer.concat([format.header(), ...[1, 2, 3].map(() => format.packets(pdu))]);
    const packets = readCapture(file);
    expect(packets.map((one) => one.sequence)).toEqual([2 ** 32 - 20, 2 ** 32 - 4, 12]);
    expect(streamOf(packets, 40_001, 2775)).toHaveLength(48);
  });
});
