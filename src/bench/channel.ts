import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A call to a child, answered by a Reply of the same number. */
interface Call {
  number: number;
  method: string;
  argument: unknown;
}

type Reply = { number: number; value: unknown } | { number: number; error: string };

/** A child process of ours and the calls to it that are under way. */
export class Channel {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >();
  #number = 0;

  /** Starts `name` (a file of this folder, without its ending) with Node's own executable. It ends with us: its channel closes. */
  constructor(name: string) {
    // .ts in a checkout, .js in a package.
    const file = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
    this.#child = fork(file, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (reply: Reply) => {
      const call = this.#waiting.get(reply.number);
      this.#waiting.delete(reply.number);
      if ('error' in reply) call?.reject(new Error(reply.error));
      else call?.resolve(reply.value);
    });
    this.#child.on('exit', (code, signal) => {
      for (const call of this.#waiting.values())
        call.reject(new Error(`${name} ended (${signal ?? code})`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Calls a method of the child; the caller names what it answers. */
  call<Value>(method: string, argument?: unknown): Promise<Value> {
    this.#number += 1;
    const call: Call = { number: this.#number, method, argument };
    return new Promise<Value>((resolve, reject) => {
      this.#waiting.set(call.number, { resolve: (value) => resolve(value as Value), reject });
      this.#child.send(call, (error) => {
        if (error) reject(error);
      });
    });
  }

  /** Closes the channel, upon which the child ends; kills it after 2 s. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.connected) child.disconnect();
    const hurry = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(hurry);
  }
}

/** The child's side: answers calls by these methods, and ends the process when the parent is gone. */
export function serveCalls(methods: Record<string, (argument: never) => unknown>): void {
  process.on('message', (call: Call) => void answer(call));
  process.on('disconnect', () => process.exit());

  async function answer(call: Call): Promise<void> {
    let reply: Reply;
    try {
      const method = methods[call.method];
      if (!method) throw new Error(`no method ${call.method}`);
      reply = { number: call.number, value: await method(call.argument as never) };
    } catch (error) {
      reply = {
        number: call.number,
        error: error instanceof Error ? error.message : String(error),
      };
    }
    process.send?.(reply);
  }
}
