import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier } from './scripted-carrier.ts';

/*
 * What we bind with, and what a carrier is sent that is no SMSC of 3.4 or does not say so. SMPP 3.4 §3.4: an ESME takes
 * an SMSC whose bind_resp has no sc_interface_version for one that knows no optional parameters.
 */

/** Each carrier has a prefix and says a version; the rest are keys of its resource. */
const CARRIERS: Readonly<Record<string, { version?: number; [key: string]: unknown }>> = {
  modern: { prefix: '391', version: 0x34 },
  newer: { prefix: '392', version: 0x50, interfaceVersion: '5.0' },
  older: { prefix: '393', version: 0x33 },
  silent: { prefix: '394' },
  saidOtherwise: { prefix: '395', otherTlvs: 'pass' },
  bound33: {
    prefix: '396',
    version: 0x34,
    interfaceVersion: '3.3',
    systemType: 'VMA',
    addressRange: { ton: 5, npi: 9, range: '^7000' },
  },
  asked: {
    prefix: '397',
    echoesUserMessageReference: true,
    tlvs: [{ name: 'purpose', tag: '0x0019', type: 'integer1', value: 1 }],
  },
  payload: { prefix: '398', longMessages: 'payload' },
  profiled: { prefix: '399', version: 0x34, profile: 'smpp-3.3' },
  overridden: {
    prefix: '390',
    version: 0x34,
    profile: 'smpp-3.3',
    interfaceVersion: '3.4',
    otherTlvs: 'byVersion',
  },
};

const carriers = new Map<string, ScriptedCarrier>();
let gateway: TestGateway;
let esme: Esme;

beforeAll(async () => {
  const specs: Record<string, { port: number }> = {};
  for (const [name, { version, ...spec }] of Object.entries(CARRIERS)) {
    const carrier = await ScriptedCarrier.listen();
    carrier.version = version;
    carriers.set(name, carrier);
    specs[name] = { ...spec, port: carrier.port };
  }
  gateway = await TestGateway.start(
    resources({ accounts: { acme: { credit: '1000' } }, carriers: specs }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'acme' });
  await eventually(() => {
    for (const carrier of carriers.values()) expect(carrier.sessions.size).toBeGreaterThan(0);
  });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of carriers.values()) await carrier.down();
});

function of(name: string): ScriptedCarrier {
  const carrier = carriers.get(name);
  if (carrier === undefined) throw new Error(`no carrier ${name}`);
  return carrier;
}

let numbers = 1_000_000;
/** The submits that a message becomes at a carrier. */
async function sent(name: string, fields: PduInput, count = 1) {
  const destination = `${CARRIERS[name]?.prefix}${numbers++}`;
  await esme.accepted({ destination_addr: destination, ...fields });
  return (await of(name).taken(count, destination)).map(({ pdu }) => pdu);
}

const OPTIONAL = { user_message_reference: 7, source_port: 2948 };

describe('a bind to a carrier', () => {
  it('has the version, system_type and address range of its resource', () => {
    const [bind] = of('bound33').binds;
    expect(bind).toMatchObject({
      interface_version: 0x33,
      system_type: 'VMA',
      addr_ton: 5,
      addr_npi: 9,
      address_range: '^7000',
    });
    expect(of('newer').binds[0]).toMatchObject({ interface_version: 0x50, system_type: '' });
    expect(of('silent').binds[0]).toMatchObject({ interface_version: 0x34, address_range: '' });
  });

  it('has them of the profile, where the carrier does not say otherwise', () => {
    expect(of('profiled').binds[0]?.interface_version).toBe(0x33);
    expect(of('overridden').binds[0]?.interface_version).toBe(0x34);
  });
});

describe('optional parameters of a customer', () => {
  it.each(['modern', 'newer', 'saidOtherwise', 'overridden'])('go to %s', async (name) => {
    const [pdu] = await sent(name, OPTIONAL);
    expect(pdu).toMatchObject(OPTIONAL);
  });

  it.each(['older', 'silent', 'bound33', 'profiled'])('do not go to %s', async (name) => {
    const [pdu] = await sent(name, OPTIONAL);
    // Nothing behind the short_message: the PDU is as long as one of a message that never had any.
    const [plain] = await sent(name, {});
    expect(pdu?.command_length).toBe(plain?.command_length);
    expect(pdu).not.toHaveProperty('user_message_reference');
    expect(pdu).not.toHaveProperty('source_port');
  });

  it('give way to those that the carrier itself is said to want', async () => {
    const [pdu] = await sent('asked', OPTIONAL);
    expect(pdu).toMatchObject({ payload_type: 1 });
    expect(pdu).toHaveProperty('user_message_reference');
    expect(pdu).not.toHaveProperty('source_port');
  });

  it('that are the message itself stay: the long way that the carrier is said to take, parts that the customer cut', async () => {
    const text = 'a long text that fills two messages. '.repeat(7);
    const [whole] = await sent('payload', { short_message: '', message_payload: text });
    expect(String((whole?.message_payload as { message?: string })?.message)).toBe(text);
    // A carrier that takes user data headers gets no TLV for the same text.
    const parts = await sent('silent', { short_message: '', message_payload: text }, 2);
    expect(parts.map((pdu) => partOf(pdu)?.total)).toEqual([2, 2]);
    expect(parts.map((pdu) => contentOf(pdu)).join('')).toBe(text);
    const sar = { sar_msg_ref_num: 9, sar_total_segments: 2, sar_segment_seqnum: 1 };
    expect((await sent('silent', { ...sar, ...OPTIONAL }))[0]).toMatchObject(sar);
  });

  it('go again when the carrier comes back as one that knows them', async () => {
    const carrier = of('older');
    carrier.version = 0x34;
    const before = carrier.binds.length;
    carrier.cut();
    await eventually(() => expect(carrier.binds.length).toBeGreaterThan(before));
    expect((await sent('older', OPTIONAL))[0]).toMatchObject(OPTIONAL);
  });
});
