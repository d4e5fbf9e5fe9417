import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { htmlLinks } from './html-links.ts';
import { backendHeaders, clientHeaders, rewriteLink } from './proxy-headers.ts';
import { splitSchemeNamePort } from './proxy-target.ts';

const space = { prefix: '/api/v1/namespaces/n/services/s/proxy', backend: '10.1.2.3:80', asked: 'api:6443' };

test.each([
  ['/a/b?c=d', `${space.prefix}/a/b?c=d`],
  ['http://10.1.2.3:80/a', `${space.prefix}/a`],
  ['//10.1.2.3:80/a', `${space.prefix}/a`],
  ['https://api:6443/a/', `https://api:6443${space.prefix}/a/`],
  [`${space.prefix}/a`, `${space.prefix}/a`],
  ['relative/a', 'relative/a'],
  ['#top', '#top'],
  ['http://elsewhere/a', 'http://elsewhere/a'],
  ['mailto:a@b', 'mailto:a@b'],
])('the link %s becomes %s', (link, expected) => {
  expect(rewriteLink(link, space)).toBe(expected);
});

const page = `<!DOCTYPE html><!-- <a href="/no"> --><html manifest=/m><body background='/b'>
a < b and "c" <a class="x" href="/a>b">é</a><img alt="/no" src=/i.png><p title="/no">
<script src="/s.js">if (a < b) "<a href='/no'>"; </scrip </script><style>a { } <a href="/no"></style><a href="/last">`;
const rewritten = page
  .replace('manifest=/m', 'manifest=P/m')
  .replace("'/b'", "'P/b'")
  .replace('"/a>b"', '"P/a>b"')
  .replace('src=/i', 'src=P/i')
  .replace('"/s.js"', '"P/s.js"')
  .replace('"/last"', '"P/last"');

test('link attributes are rewritten, and nothing else, however the page comes in pieces', async () => {
  const bytes = Buffer.from(page);
  const property = fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
    async (cuts) => {
      const pieces: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const end = at + (cuts[turn % cuts.length] ?? 1);
        pieces.push(bytes.subarray(at, end));
        at = end;
      }
      const links = htmlLinks((link) => (link.startsWith('/') ? `P${link}` : link));
      expect(await text(Readable.from(pieces).pipe(links))).toBe(rewritten);
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

test('a backend gets no credentials, and learns where it was asked', () => {
  const headers = {
    host: 'api:6443',
    authorization: 'Bearer secret',
    'impersonate-user': 'somebody',
    connection: 'keep-alive, x-once',
    'x-once': '1',
    'x-forwarded-for': '9.9.9.9',
    accept: '*/*',
  };
  expect(backendHeaders({ headers, path: '/api/v1/nodes/n/proxy/x', clientAddress: '1.2.3.4' })).toEqual({
    host: 'api:6443',
    accept: '*/*',
    'x-forwarded-uri': '/api/v1/nodes/n/proxy/x',
    'x-forwarded-for': '9.9.9.9, 1.2.3.4',
  });
});

test('a client gets nothing that is about the connection behind, or about other origins', () => {
  const headers = {
    'access-control-allow-origin': '*',
    'transfer-encoding': 'chunked',
    'x-own': '1',
  };
  expect(clientHeaders(headers)).toEqual({ 'cache-control': 'no-cache, private', 'x-own': '1' });
});

test.each([
  ['a', { scheme: '', name: 'a', port: '' }],
  ['a:80', { scheme: '', name: 'a', port: '80' }],
  ['https:a:web', { scheme: 'https', name: 'a', port: 'web' }],
  ['https:a:', { scheme: 'https', name: 'a', port: '' }],
  [':80', undefined],
  ['ftp:a:21', undefined],
  ['a:b:c:d', undefined],
])('%s is split', (id, expected) => {
  expect(splitSchemeNamePort(id)).toEqual(expected);
});
