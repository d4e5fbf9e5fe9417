import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import type { OwnChanges } from './client.ts';
import type { RequestTransport } from './transport.ts';
import { readWatch } from './watch-stream.ts';

/** As our server writes it: kind, apiVersion and the resourceVersion come first. */
function lineOf(type: string, name: string, version: string): string {
  const { kind, apiVersion, metadata, ...rest } = aPod({ name });
  const { resourceVersion: _, ...others } = metadata;
  const object = { kind, apiVersion, metadata: { resourceVersion: version, ...others }, ...rest };
  return `${JSON.stringify({ type, object })}\n`;
}

/** @returns `type name` of each event, and what `own` was asked */
async function read(lines: readonly string[], known: readonly string[]) {
  const text = Buffer.from(lines.join(''));
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < text.length; at += 700) yield text.subarray(at, at + 700);
  }
  const transport: RequestTransport = {
    send: () => Promise.reject(new Error('nothing is sent')),
    open: async () => ({ status: 200, stream: Object.assign(chunks(), { destroy: () => undefined }) }),
    isConnected: () => true,
  };
  const order: string[] = [];
  const own: OwnChanges = {
    whenAnswered: () => undefined,
    takes: (version) => {
      const isKnown = known.includes(version);
      if (isKnown) order.push(`took ${version}`);
      return isKnown;
    },
  };
  const request = { method: 'GET', path: '/api/v1/pods' } as const;
  for await (const { type, object } of readWatch<Pod>(transport, request, new AbortController().signal, {
    own,
  }))
    order.push(`${type} ${object.metadata.name}`);
  return order;
}

describe('readWatch', () => {
  it('passes over changes that its reader has made, in their place', async () => {
    const lines = [
      lineOf('ADDED', 'a', '10'),
      lineOf('MODIFIED', 'a', '11'),
      lineOf('MODIFIED', 'b', '12'),
      lineOf('MODIFIED', 'c', '13'),
    ];
    expect(await read(lines, ['11', '13'])).toEqual(['ADDED a', 'took 11', 'MODIFIED b', 'took 13']);
  });

  it('reads everything that is no change, or does not begin as our server writes it', async () => {
    const foreign = `{"type":"MODIFIED","object":{"metadata":{"name":"c","resourceVersion":"12"}}}\n`;
    const lines = [lineOf('ADDED', 'a', '10'), lineOf('DELETED', 'b', '11'), foreign];
    expect(await read(lines, ['10', '11', '12'])).toEqual(['ADDED a', 'DELETED b', 'MODIFIED c']);
  });
});
