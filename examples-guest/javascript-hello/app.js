// An app in JavaScript, straight on the WIT: no SDK is in between.

import { datasite } from 'syft:app/context@0.1.0';
import { write } from 'syft:app/log@0.1.0';
import { open } from 'wasi:keyvalue/store@0.2.0-draft2';

const fromUtf8 = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const toUtf8 = (text) => new TextEncoder().encode(text);

// The host answers 400 with this text.
const invalidArguments = (text) => ({ tag: 'invalid-arguments', val: text });

const endpoints = {
  '/hello': {
    description: 'Greets somebody.',
    parameters: [{ name: 'name', typeJson: '"str"', required: false }],
    returnsJson: '"str"',
    handle: ({ name = 'World' }) => {
      if (typeof name !== 'string') {
        throw invalidArguments('name is no string');
      }
      write('info', `greeting ${name}`);
      return `Hello, ${name}! This is ${datasite()}.`;
    },
  },
  '/increment': {
    description: 'Counts its calls.',
    parameters: [],
    returnsJson: '"dict"',
    handle: () => {
      const bucket = open('default');
      const old = bucket.get('counter');
      const counter = (old ? JSON.parse(fromUtf8(old)) : 0) + 1;
      bucket.set('counter', toUtf8(JSON.stringify(counter)));
      return { counter };
    },
  },
};

// Parameters come by name, in a JSON object.
const argumentsOf = (body) => {
  if (!body?.length) {
    return {};
  }
  let value;
  try {
    value = JSON.parse(fromUtf8(body));
  } catch (error) {
    throw invalidArguments(`the body is no JSON: ${error.message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArguments('the body is no JSON object');
  }
  return value;
};

export const rpc = {
  endpoints: () =>
    Object.entries(endpoints).map(([path, { description, parameters, returnsJson }]) => ({
      path,
      description,
      parameters,
      returnsJson,
    })),

  handle: ({ endpoint, body }) => {
    const { handle } = endpoints[endpoint];
    try {
      const answer = handle(argumentsOf(body));
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
      return { status: 200, headers: [], body: toUtf8(text) };
    } catch (error) {
      if (error?.tag) {
        throw error;
      }
      // For the owner's log; the caller gets 500 with a fixed text.
      const kind = error?.name ?? 'Error';
      const message = String(error?.message ?? error);
      throw { tag: 'failed', val: { kind, message, handler: endpoint } };
    }
  },
};
