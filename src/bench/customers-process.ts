import { serveCalls } from './channel.ts';
import { Load, type LoadRun, type LoadTarget } from './load.ts';

// The customers as a process of their own: `smppgate bench` starts it and tells it what to run.
let load: Load | undefined;

function connected(): Load {
  if (!load) throw new Error('the customers are not connected');
  return load;
}

serveCalls({
  async connect(target: LoadTarget): Promise<void> {
    load?.close();
    load = new Load(target);
    await load.connect();
  },
  run: (run: LoadRun) => connected().run(run),
  progress: () => connected().progress(),
  close: () => connected().close(),
});
