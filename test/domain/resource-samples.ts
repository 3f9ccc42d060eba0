import { parseResources } from '../../src/domain/resource-file.ts';
import { withHashedPasswords, withSealedSecrets } from '../../src/domain/resource-secrets.ts';
import type {
  ResourceFile,
  ResourceSet,
  StoredResource,
  StoredResources,
} from '../../src/domain/resources.ts';
import { emptyResourceSet } from '../../src/domain/resources.ts';

/** The example of the interface's "Resources", to the letter. */
export const EXAMPLE = `tariffs:
  standard: {"966": "0.05", "7": "0.00645", "*": "0.10"}    # credits a segment, longest prefix wins, at most six decimals
terms:
  platform-fault-only:
    chargeOn: submit                  # submit | delivered (reserves at accept, charges or releases at the outcome; a carrier without receipts: at submit_sm_resp)
    creditValidDays: 365
    topUpExtendsBalance: true         # false: each top-up is a lot, first to expire is first spent
    topUpMinimum: "0"
    refundAutomatic: [platform]       # fault classes: platform carrier recipient customer
    refundOnRequest: []
    reportWithinHours: 24             # from accept
    purchaseRefundWithinHours: 48     # from the top-up
    onRefusal: refund                 # refund | keep: suspended, terminated, refused by a moderator
    noReceipt: keep                   # keep | refund
    refundIntoExpired: forfeit        # forfeit | restore | {extendDays: N}
    onViolation: {suspendAfter: 3, forfeitBalance: false}
classes:                              # traffic classes are data; these four exist
  otp: {lane: fast}
  transactional: {lane: normal}
  promotional: {lane: bulk}
  personal: {lane: normal}
policies:
  open: {rules: []}
accounts:
  - name: acme
    tariff: standard
    terms: platform-fault-only
    policy: open
    trafficClass: transactional
    credit: "1000"                    # opening top-up, only when the account is created
    validityDefaultHours: 48
    validityMaxHours: 168
    limits: {segmentsPerSecond: 2000} # over all system_ids, optional
    binds:
      # per system_id; windowMax is per session; burst defaults to one second's worth; allowFrom absent = any, [] = none
      - {systemId: acme, password: secret, allowFrom: ["127.0.0.1/32"], bindsMax: 8, windowMax: 100, segmentsPerSecond: 1000, burst: 1000}
    receipts: {format: text+tlv, idBase: decimal, dates: utc}   # idBase changes the text field only
    refusals: submit                  # submit | receipt (accept, then REJECTD)
    statusFor: {insufficientCredit: 0x401}
carriers:
  - name: sim
    host: 127.0.0.1
    port: 2785
    systemId: gw
    password: gw
    bindAs: transceiver               # transceiver | transmitter+receiver
    binds: 2
    windowMax: 100
    segmentsPerSecond: 0              # 0: unlimited
    ids: {response: text, receipt: text}      # text | decimal | hex | auto
    longMessages: udh                 # udh sar payload
    receiptGraceHours: 24
    onUnknownOutcome: {waitSeconds: 30, then: resend}   # counted from the rebind; resend | expire
routes:
  - {prefix: "", carriers: [{name: sim, weight: 1, priority: 1}]}   # lower priority number first
`;

/** A small file that leaves every default to the schema. */
export const MINIMAL = `tariffs: {t: {"*": "0.1"}}
terms: {none: {}}
accounts:
  - {name: acme, tariff: t, terms: none, binds: [{systemId: acme, password: secret}]}
carriers:
  - {name: sim, host: localhost, port: 2785, systemId: gw, password: gw}
routes:
  - {prefix: "", carriers: [{name: sim}]}
`;

export function parsed(text: string): ResourceFile {
  const result = parseResources(text);
  if ('errors' in result) throw new Error(JSON.stringify(result.errors));
  return result.ok;
}

/** In tests a secret is stored with its letters turned round. */
export const hide = (secret: unknown) =>
  `#${typeof secret === 'string' ? [...secret].reverse().join('') : 'generated'}`;
export const matches = (clear: string, stored: string) => hide(clear) === stored;

/** What a store holds after a file was applied to it. */
export async function applied(file: ResourceFile): Promise<ResourceSet> {
  const accounts = await Promise.all(
    [...(file.accounts ?? [])].map(async ([name, { credit: _, ...spec }]) => {
      return [name, await withHashedPasswords(spec, async (secret) => hide(secret))] as const;
    }),
  );
  const carriers = [...(file.carriers ?? [])].map(
    ([name, spec]) => [name, withSealedSecrets(spec, hide)] as const,
  );
  return {
    ...emptyResourceSet(),
    ...file,
    accounts: new Map(accounts),
    carriers: new Map(carriers),
  };
}

/** The same as rows, with ids from 1 and version 1. */
export function rowsOf(set: ResourceSet): StoredResources {
  const rows = <Spec>(specs: ReadonlyMap<string, Spec>): StoredResource<Spec>[] =>
    [...specs].map(([name, spec], index) => ({ id: index + 1, name, version: 1, spec }));
  return {
    version: 1,
    tariffs: rows(set.tariffs),
    terms: rows(set.terms),
    classes: rows(set.classes),
    wordLists: rows(set.wordLists),
    policies: rows(set.policies),
    accounts: rows(set.accounts).map((row) => ({
      ...row,
      status: 'active',
      bindsDropped: false,
      createdAtMs: 0,
      demo: false,
      bindIds: new Map(
        row.spec.binds.map(({ systemId }, index) => [systemId, row.id * 100 + index]),
      ),
    })),
    carriers: rows(set.carriers).map((row) => ({ ...row, paused: false, demo: false })),
    networks: rows(set.networks),
    routes: rows(set.routes),
    inbound: rows(set.inbound),
  };
}
