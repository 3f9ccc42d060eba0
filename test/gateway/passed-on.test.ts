import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { PASSWORD, resources } from './resources.ts';

/*
 * Both peers are sockets that speak octets, so that no codec stands between what the customer wrote and what the
 * carrier read.
 */

let server: Server;
let gateway: TestGateway;
const carrierSockets = new Set<Socket>();
const submits: Buffer[] = [];

beforeAll(async () => {
  server = createServer((socket) => {
    carrierSockets.add(socket);
    socket.on('error', () => {});
    eachPdu(socket, (pdu) => {
      const id = pdu.readUInt32BE(4);
      if (id === SUBMIT_SM) submits.push(pdu);
      if (id < 0x80000000) socket.write(answerTo(pdu, id === SUBMIT_SM ? '4711' : 'carrier'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // It does not say its version, and takes TLVs all the same.
  const sim = { port, prefix: '', binds: 1, otherTlvs: 'pass' };
  gateway = await TestGateway.start(resources({ accounts: { acme: {} }, carriers: { sim } }));
});

afterAll(async () => {
  await gateway?.close();
  for (const socket of carrierSockets) socket.destroy();
  server?.close();
});

const BIND_TRANSCEIVER = 0x09;
const SUBMIT_SM = 0x04;

/** SMPP 3.4 §3.2: command_length, command_id, command_status, sequence_number, body. */
function pdu(commandId: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(16 + body.length, 0);
  header.writeUInt32BE(commandId, 4);
  header.writeUInt32BE(sequence, 12);
  return Buffer.concat([header, body]);
}

function answerTo(request: Buffer, text: string): Buffer {
  const id = request.readUInt32BE(4);
  // enquire_link and unbind are answered by a header.
  const body = id === BIND_TRANSCEIVER || id === SUBMIT_SM ? cstring(text) : Buffer.alloc(0);
  return pdu(id + 0x80000000, request.readUInt32BE(12), body);
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

function tlv(tag: number, hex: string): Buffer {
  const value = Buffer.from(hex, 'hex');
  const head = Buffer.alloc(4);
  head.writeUInt16BE(tag, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}

function eachPdu(socket: Socket, on: (pdu: Buffer) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= held.readUInt32BE(0)) {
      const length = held.readUInt32BE(0);
      on(Buffer.from(held.subarray(0, length)));
      held = held.subarray(length);
    }
  });
}

/** Binds and submits this body; gives what the carrier read as its body. */
async function passOn(body: Buffer): Promise<Buffer> {
  const socket = connect(gateway.port, '127.0.0.1');
  await once(socket, 'connect');
  const statuses: number[] = [];
  eachPdu(socket, (answer) => statuses.push(answer.readUInt32BE(8)));
  const bind = [
    cstring('acme'),
    cstring(PASSWORD),
    cstring(''),
    Buffer.from([0x34, 0, 0]),
    cstring(''),
  ];
  socket.write(pdu(BIND_TRANSCEIVER, 1, Buffer.concat(bind)));
  await eventually(() => expect(statuses).toEqual([0]));
  const before = submits.length;
  socket.write(pdu(SUBMIT_SM, 2, body));
  await eventually(() => expect(statuses).toEqual([0, 0]));
  await eventually(() => expect(submits.length).toBe(before + 1));
  socket.destroy();
  return (submits.at(-1) as Buffer).subarray(16);
}

/** SMPP 3.4 §4.4.1 up to esm_class, without the destination's TON and NPI, which become E.164. */
const ADDRESSES = Buffer.concat([
  cstring('CMT'),
  Buffer.from([5, 0]),
  cstring('Shop'),
  Buffer.from([1, 1]),
  cstring('12025550101'),
]);

describe('a submit_sm on its way to the carrier', () => {
  it('keeps its service_type, esm_class, protocol_id, priority_flag, flags and text octet by octet', async () => {
    const text = Buffer.from('flash');
    // UDHI off, reply path on; protocol_id of a fax; priority 2; replace; flash (class 0); predefined message 3.
    const body = Buffer.concat([
      ADDRESSES,
      Buffer.from([0x80, 0x22, 2]),
      cstring(''),
      cstring(''),
      Buffer.from([0, 0, 0x10, 3, text.length]),
      text,
    ]);
    const read = await passOn(body);
    expect(read.subarray(0, ADDRESSES.length).toString('hex')).toBe(ADDRESSES.toString('hex'));
    const rest = read.subarray(ADDRESSES.length);
    expect([...rest.subarray(0, 3)]).toEqual([0x80, 0x22, 2]);
    // schedule_delivery_time is ours to keep; the validity that is left follows, 17 octets.
    expect(rest[3]).toBe(0);
    expect(rest.subarray(4, 21).toString('latin1')).toMatch(/^0000\d{8}000R\0$/);
    // registered_delivery asks for a receipt whatever the customer asked for.
    expect([...rest.subarray(21, 25)]).toEqual([1, 0, 0x10, 3]);
    expect(rest.subarray(25).toString('hex')).toBe(`05${text.toString('hex')}`);
  });

  it('keeps every TLV in its place, those of no standard too', async () => {
    const tlvs = Buffer.concat([
      tlv(0x0005, '01'), // dest_addr_subunit
      tlv(0x1400, 'c0ffee'), // of no standard (SMPP 3.4 §5.3.1: SMSC vendor specific)
      tlv(0x0204, '002a'), // user_message_reference
      tlv(0x020a, '0b84'), // source_port
      tlv(0x0381, '00010133353539'), // callback_num
      tlv(0x3fff, ''),
      tlv(0x1201, '02'), // display_time
      tlv(0x0201, '03'), // privacy_indicator
      tlv(0x130c, ''), // alert_on_message_delivery
    ]);
    const body = Buffer.concat([
      ADDRESSES,
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
      Buffer.from('hi'),
      tlvs,
    ]);
    const read = await passOn(body);
    expect(read.subarray(-tlvs.length).toString('hex')).toBe(tlvs.toString('hex'));
  });
});
