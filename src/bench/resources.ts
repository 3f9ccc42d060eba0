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

/** The resources of a run. */
export interface BenchResources {
  accounts: BenchAccount[];
  /** Credits a segment, a decimal string. */
  price: string;
  carrierPort: number;
  carrierBinds: number;
  carrierWindow: number;
  /** Per session of a customer. */
  customerWindow: number;
  unknownWaitSeconds: number;
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
  const { accounts, price, carrierPort, carrierBinds, carrierWindow, customerWindow } = resources;
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
      carriers: [
        {
          name: 'bench',
          host: '127.0.0.1',
          port: carrierPort,
          systemId: 'gw',
          password: 'gw',
          bindAs: 'transceiver',
          binds: carrierBinds,
          windowMax: carrierWindow,
          segmentsPerSecond: 0,
          ids: { response: 'decimal', receipt: 'decimal' },
          longMessages: 'udh',
          receiptGraceHours: 24,
          // Not a literal: a property named `then` looks like a promise to the linter.
          onUnknownOutcome: Object.fromEntries([
            ['waitSeconds', resources.unknownWaitSeconds],
            ['then', 'resend'],
          ]),
        },
      ],
      routes: [{ prefix: '', carriers: [{ name: 'bench', weight: 1, priority: 1 }] }],
    },
    null,
    '\t',
  );
}
