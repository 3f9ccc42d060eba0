import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../bin/smppgate.js', import.meta.url));
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
});

/** Starts `smppgate simulate ...`; gives its first line, and all of its output and its exit code at its end. */
function simulate(...args: string[]) {
  const child = spawn(process.execPath, [program, 'simulate', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines: string[] = [];
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const reader = createInterface({ input: child.stdout });
  const first = new Promise<string>((resolve) => reader.once('line', resolve));
  reader.on('line', (line) => lines.push(line));
  const ended = new Promise<{ code: number | null; lines: string[]; errors: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, lines, errors })),
  );
  return { child, first, ended };
}

describe('addSimulateCommands', () => {
  it('runs a carrier and a customer against each other, with one JSON object a line', async () => {
    const carrier = simulate('carrier', '--port', '0', '--json');
    const { event, port } = JSON.parse(await carrier.first);
    expect(event).toBe('listening');
    const to = ['--port', String(port), '--system-id', 'acme', '--password', 'secret'];
    const customer = await simulate('customer', ...to, '--messages', '20', '--json').ended;
    expect(customer.code).toBe(0);
    expect(JSON.parse(customer.lines[0] ?? '')).toMatchObject({
      event: 'done',
      accepted: 20,
      receipts: { DELIVRD: 20 },
    });
    carrier.child.kill('SIGTERM');
    const stopped = await carrier.ended;
    expect(stopped.code).toBe(0);
    expect(JSON.parse(stopped.lines[1] ?? '')).toMatchObject({ event: 'stopped', submits: 20 });
  });

  it('exits with 1 and a line when a bind is refused', async () => {
    const carrier = simulate('carrier', '--port', '0', '--password', 'other', '--json');
    const { port } = JSON.parse(await carrier.first);
    const to = ['--port', String(port), '--system-id', 'acme', '--password', 'secret'];
    const customer = await simulate('customer', ...to).ended;
    expect(customer.code).toBe(1);
    expect(customer.errors).toContain('bind refused with command_status 0x0d');
  });

  it('exits with 2 and names the option when a value is wrong', async () => {
    const { code, errors } = await simulate('carrier', '--receipt-states', 'DELIVERED=1').ended;
    expect(code).toBe(2);
    expect(errors).toContain('--receipt-states');
  });

  it('misbehaves by the shares of --mix, and the same way for the same seed', async () => {
    const run = async (seed: string) => {
      const mix = ['--mix', 'missing=50,duplicate=50', '--seed', seed];
      const carrier = simulate('carrier', '--port', '0', '--json', ...mix);
      const { port } = JSON.parse(await carrier.first);
      const to = ['--port', String(port), '--system-id', 'acme', '--password', 'secret'];
      // Longer than a busy machine takes from one receipt to the next.
      const sending = [...to, '--messages', '40', '--receipt-wait', '3000', '--json'];
      const { lines } = await simulate('customer', ...sending).ended;
      const summary = JSON.parse(lines[0] ?? '');
      expect(summary.accepted).toBe(40);
      expect(summary.withoutReceipt).toBeGreaterThan(5);
      expect(summary.repeatedReceipts).toBeGreaterThan(3);
      return [summary.withoutReceipt, summary.repeatedReceipts];
    };
    const [one, other] = await Promise.all([run('5'), run('5')]);
    expect(one).toEqual(other);
  });

  it('exits with 2 and lists the misbehaviours when one is unknown', async () => {
    const { code, errors } = await simulate('carrier', '--mix', 'rude=5').ended;
    expect(code).toBe(2);
    expect(errors).toContain('contradicting');
  });

  it('explains the destination table in its help', async () => {
    const { code, lines } = await simulate('carrier', '--help').ended;
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('990006  ESME_RSYSERR 0x08');
  });
});
