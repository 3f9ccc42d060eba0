#!/usr/bin/env -S node --max-semi-space-size=16
// Plain JavaScript that every Node can read, so that an old one gets a line and not a stack.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`smppgate needs Node >= 22.18; this is ${process.versions.node}`);
  process.exit(1);
}

// V8 lets garbage grow to four times of what is in use before it collects all of it; two and a half times is a third
// less memory of a daemon for the same CPU a message (docs/performance.md).
const { setFlagsFromString } = await import('node:v8');
setFlagsFromString('--heap-growing-percent=150');

// A checkout runs its sources as they are (Node strips the types); a package has them built, as
// Node strips no types under node_modules.
const { existsSync } = await import('node:fs');
const source = new URL('../src/main.ts', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
await import((existsSync(source) ? source : built).href);
