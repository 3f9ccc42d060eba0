import { serveCalls } from './channel.ts';
import { LeanCarrier, type LeanCarrierOptions } from './lean-carrier.ts';

// The lean carrier as a process of its own: `smppgate bench` starts it and asks for its counters.
let carrier: LeanCarrier | undefined;

function started(): LeanCarrier {
  if (!carrier) throw new Error('the carrier is not started');
  return carrier;
}

serveCalls({
  start(options: LeanCarrierOptions): Promise<number> {
    carrier = new LeanCarrier(options);
    return carrier.up();
  },
  up: () => started().up(),
  down: () => started().down(),
  stats: () => started().stats(),
});
