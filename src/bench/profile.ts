import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A .cpuprofile as `node --cpu-prof` writes it, as far as it is used. */
interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  samples: number[];
  /** Microseconds since the sample before. */
  timeDeltas: number[];
}

/** Functions told. */
const told = 40;

/** The functions that took most time themselves, of the last profile in a folder: percent of what was not idle. */
export function topFunctions(folder: string): string[] {
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .at(-1);
  if (file === undefined) return ['no profile was written'];
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const selfUs = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    selfUs.set(id, (selfUs.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  const byName = new Map<string, number>();
  for (const { id, callFrame } of profile.nodes) {
    const name = nameOf(callFrame);
    byName.set(name, (byName.get(name) ?? 0) + (selfUs.get(id) ?? 0));
  }
  byName.delete('(idle)');
  const total = [...byName.values()].reduce((sum, us) => sum + us, 0);
  return [...byName]
    .sort(([, a], [, b]) => b - a)
    .slice(0, told)
    .map(([name, us]) => `${((us * 100) / total).toFixed(1).padStart(5)} %  ${name}`);
}

function nameOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const place = frame.url.split('/').slice(-2).join('/');
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  return place === '' ? name : `${name} ${place}:${frame.lineNumber + 1}`;
}
