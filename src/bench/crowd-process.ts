import { serveCalls } from './channel.ts';
import { Flood, type FloodTarget } from './flood.ts';
import { IdleBinds, type IdleTarget } from './idle-binds.ts';
import { Receiver, type ReceiverTarget } from './receiver.ts';

// Customers of other kinds than the load's, as a process of their own: idle, flooding, or back for their receipts.
let idle: IdleBinds | undefined;
let flood: Flood | undefined;
let receiver: Receiver | undefined;

function started<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error('nothing of this kind is connected');
  return part;
}

serveCalls({
  idleStart(target: IdleTarget): void {
    idle?.close();
    idle = new IdleBinds(target);
  },
  idleState: (restart: boolean) => started(idle).state(restart),
  idleAsk: (run: { seconds: number; everyMs: number }) => started(idle).ask(run),
  async floodConnect(target: FloodTarget): Promise<void> {
    flood?.close();
    flood = new Flood(target);
    await flood.connect();
  },
  floodStart: () => started(flood).start(),
  floodStop: () => started(flood).stop(),
  floodCounts: () => started(flood).counts(),
  async receive(target: ReceiverTarget): Promise<void> {
    receiver?.close();
    receiver = new Receiver(target);
    await receiver.connect();
  },
  received: () => started(receiver).counts(),
});
