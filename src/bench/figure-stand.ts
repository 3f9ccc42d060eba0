import type { FigureOptions } from './figure.ts';
import type { LoadRun } from './load.ts';
import { topFunctions } from './profile.ts';
import { Stand, type StandOptions } from './stand.ts';

/** A submit that is not answered, and a receipt that does not come, are given up after this. */
export const patienceMs = 60_000;

/** Opens a stand as every measurement of figures has it, and closes it when `measure` has ended. */
export async function onStand<T>(
  options: FigureOptions,
  own: Pick<StandOptions, 'accounts' | 'bindsPerAccount' | 'tls' | 'carriers' | 'routes'>,
  measure: (stand: Stand) => Promise<T>,
): Promise<T> {
  const stand = await Stand.open({
    customerWindow: 100,
    carrierBinds: 4,
    carrierWindow: 1000,
    receiptDelayMs: 100,
    profile: options.profile,
    ...own,
  });
  try {
    return await measure(stand);
  } finally {
    await stand.close();
  }
}

/** Submits at a steady rate, each with its receipt. */
export function steadyRun(perSecond: number, seconds: number): LoadRun {
  return {
    messages: perSecond * seconds,
    ratePerSecond: perSecond,
    awaitReceipts: true,
    patienceMs,
  };
}

/** With `profile`: stops the daemon, which writes its profile then, and tells its dearest functions. */
export async function tellProfile(stand: Stand, options: FigureOptions): Promise<void> {
  if (!options.profile) return;
  await stand.daemon.stop();
  for (const line of topFunctions(stand.folder)) options.log(line);
}
