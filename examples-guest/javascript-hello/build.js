// Makes app.js a component: node build.js [OUTPUT]

import { readFile, writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const wit = process.env.SYFT_WIT ?? new URL('../../wit', import.meta.url).pathname;
const output = process.argv[2] ?? 'javascript-hello.wasm';
const source = await readFile(new URL('app.js', import.meta.url), 'utf8');
const { component } = await componentize(source, {
  witPath: wit,
  worldName: 'app',
  // No app has them.
  disableFeatures: ['http', 'fetch-event'],
});
await writeFile(output, component);
