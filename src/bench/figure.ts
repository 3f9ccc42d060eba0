import type { LoadResult } from './load.ts';

/** One figure against its goal. */
export interface Figure {
  name: string;
  /** In words, as the documentation has it. */
  goal: string;
  measured: string;
  isReached: boolean;
}

/** What a measurement of figures came to. */
export interface FigureReport {
  figures: Figure[];
  /** Every single run. */
  detail: unknown;
  /** What makes the figures void. */
  problems: string[];
}

/** Options that every measurement of figures has. */
export interface FigureOptions {
  /** Runs the daemon under node --cpu-prof and tells its dearest functions. */
  profile: boolean;
  /** Said as it goes. */
  log(line: string): void;
}

/** A table of text. */
export function describeFigures({ figures, problems }: FigureReport): string {
  const width = Math.max(...figures.map(({ name }) => name.length));
  const lines = figures.map(
    ({ name, measured, goal, isReached }) =>
      `${name.padEnd(width)}  ${measured} (goal: ${goal}; ${isReached ? 'reached' : 'MISSED'})`,
  );
  return [...lines, ...problems.map((problem) => `PROBLEM ${problem}`)].join('\n');
}

/** What makes a load's run void: sessions lost, submits refused, receipts missing or repeated. */
export function loadProblems(what: string, load: LoadResult): string[] {
  const problems: string[] = [];
  if (load.broken !== undefined) problems.push(`${what}: ${load.broken}`);
  const refused = Object.entries(load.refused);
  if (refused.length > 0) problems.push(`${what}: refused ${JSON.stringify(load.refused)}`);
  if (load.delivered !== load.accepted)
    problems.push(`${what}: ${load.accepted - load.delivered} accepted without a receipt`);
  if (load.repeated > 0) problems.push(`${what}: ${load.repeated} repeated receipts`);
  return problems;
}

/** A latency beside another's: within so many times (twice) the quiet one and under 50 ms. */
export function besideFigure(
  name: string,
  quietMs: number,
  besideMs: number,
  timesMax = 2,
): Figure {
  const times = quietMs > 0 ? besideMs / quietMs : Number.POSITIVE_INFINITY;
  return {
    name,
    goal: `within ${timesMax}x of the quiet figure and under 50 ms`,
    measured: `${besideMs} ms, quiet ${quietMs} ms: ${times.toFixed(2)}x`,
    isReached: times <= timesMax && besideMs < 50,
  };
}

/** A share of a whole as a percentage, to the hundredth. */
export function percent(part: number, whole: number): string {
  return `${((part * 100) / Math.max(1, whole)).toFixed(2)} %`;
}
