/** One customer's account for a run: its name is its only system_id, too. */
export interface BenchAccount {
  name: string;
  password: string;
  chargeOn: 'submit' | 'delivered';
  /** Default 1,000,000: a rate that no run reaches, so that what is measured is the path, not the limit. */
  segmentsPerSecond?: number;
  /** Sessions at once, default 16. */
  bindsMax?: number;
  /** Of the waiting list, when he comes back. */
  replayPerSecond?: number;
}

/** One carrier of a run, on loopback. */
export interface BenchCarrier {
  name: string;
  port: number;
  binds: number;
  windowMax: number;
  /** Default 0: unlimited. */
  segmentsPerSecond?: number;
  /** Default decimal. */
  idBase?: 'decimal' | 'auto';
  /** Default 30. */
  unknownWaitSeconds?: number;
}

/** Where a prefix goes; a lower priority number first, equal ones in turn. */
export interface BenchRoute {
  prefix: string;
  carriers: { name: string; priority: number }[];
}

/** The resources of a run. */
export interface BenchResources {
  accounts: BenchAccount[];
  /** Credits a segment, a decimal string. */
  price: string;
  carriers: BenchCarrier[];
  routes: BenchRoute[];
  /** Per session of a customer. */
  customerWindow: number;
}

/** Everything to one carrier. */
export function allTo(name: string): BenchRoute[] {
  return [{ prefix: '', carriers: [{ name, priority: 1 }] }];
}

/** So many accounts, named and numbered; system_id and password within the protocol's 15 and 8 octets. */
export function benchAccounts(
  count: number,
  chargeOn: BenchAccount['chargeOn'] = 'submit',
): BenchAccount[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `bench${String(index).padStart(3, '0')}`,
    password: `pw${String(index).padStart(3, '0')}`,
    chargeOn,
  }));
}

/** Writes the resources file (JSON, which `apply` and RESOURCES_FILE take like YAML). */
export function resourcesFile(resources: BenchResources): string {
  const { accounts, price, carriers, routes, customerWindow } = resources;
  const terms = (chargeOn: string): object => ({
    chargeOn,
    refundAutomatic: ['platform'],
    noReceipt: 'keep',
  });
  return JSON.stringify(
    {
      tariffs: { bench: { '*': price } },
      terms: { submit: terms('submit'), delivered: terms('delivered') },
      policies: { open: { rules: [] } },
      accounts: accounts.map(
        ({ name, password, chargeOn, bindsMax, segmentsPerSecond, replayPerSecond }) => ({
          name,
          tariff: 'bench',
          terms: chargeOn,
          policy: 'open',
          trafficClass: 'transactional',
          credit: '100000000',
          validityDefaultHours: 48,
          validityMaxHours: 168,
          binds: [
            {
              systemId: name,
              password,
              bindsMax: bindsMax ?? 16,
              windowMax: customerWindow,
              segmentsPerSecond: segmentsPerSecond ?? 1_000_000,
            },
          ],
          receipts: {
            format: 'text+tlv',
            idBase: 'decimal',
            dates: 'utc',
            ...(replayPerSecond !== undefined && { replayPerSecond }),
          },
        }),
      ),
      carriers: carriers.map(carrierResource),
      routes: routes.map(({ prefix, carriers: targets }) => ({
        prefix,
        carriers: targets.map((target) => ({ ...target, weight: 1 })),
      })),
    },
    null,
    '\t',
  );
}

function carrierResource(carrier: BenchCarrier): object {
  const { name, port, binds, windowMax, idBase = 'decimal' } = carrier;
  return {
    name,
    host: '127.0.0.1',
    port,
    systemId: 'gw',
    password: 'gw',
    bindAs: 'transceiver',
    binds,
    windowMax,
    segmentsPerSecond: carrier.segmentsPerSecond ?? 0,
    ids: { response: idBase, receipt: idBase },
    longMessages: 'udh',
    receiptGraceHours: 24,
    // Not a literal: a property named `then` looks like a promise to the linter.
    onUnknownOutcome: Object.fromEntries([
      ['waitSeconds', carrier.unknownWaitSeconds ?? 30],
      ['then', 'resend'],
    ]),
  };
}
