/**
 * Runs `close` when this process is told to end (SIGINT, SIGTERM, SIGHUP), then ends it with the code that shells
 * give such ends: 128 and the signal's number. So a bench that is broken off leaves no process behind.
 * @returns forgets it again
 */
export function onEndSignal(close: () => Promise<void>): () => void {
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  let isClosing = false;
  const end = (signal: NodeJS.Signals): void => {
    if (isClosing) return;
    isClosing = true;
    const code = signal === 'SIGHUP' || signal === 'SIGINT' ? codes[signal] : codes.SIGTERM;
    void close().finally(() => process.exit(code));
  };
  for (const signal of Object.keys(codes)) process.on(signal, end);
  return () => {
    for (const signal of Object.keys(codes)) process.off(signal, end);
  };
}
