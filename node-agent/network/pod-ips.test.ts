import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PodIps } from './pod-ips.ts';

test('a freed address is given again only after all the others', () => {
  const ips = new PodIps('10.244.1.0/29');
  const first = ips.allocate();
  ips.free(first);
  expect([ips.allocate(), ips.allocate(), ips.allocate(), ips.allocate(), ips.allocate()]).toEqual([
    '10.244.1.3',
    '10.244.1.4',
    '10.244.1.5',
    '10.244.1.6',
    '10.244.1.2',
  ]);
});

test('a full range is an error with a code', () => {
  const ips = new PodIps('10.244.1.0/29');
  for (let i = 0; i < 5; i += 1) ips.allocate();
  expect(() => ips.allocate()).toThrow(expect.objectContaining({ code: 'POD_CIDR_EXHAUSTED' }));
});

test('a restart goes on after the last address and keeps those taken', () => {
  const ips = new PodIps('10.244.1.0/24', '10.244.1.7');
  ips.take('10.244.1.8');
  expect(ips.allocate()).toBe('10.244.1.9');
});

test('no address is given twice, nor the network, the gateway or the broadcast address', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (steps) => {
      const ips = new PodIps('10.0.0.0/27');
      const held = new Set<string>();
      for (const allocate of steps) {
        const [oldest] = held;
        if (allocate && held.size < 29) {
          const ip = ips.allocate();
          if (held.has(ip) || ['10.0.0.0', '10.0.0.1', '10.0.0.31'].includes(ip)) return false;
          held.add(ip);
        } else if (oldest !== undefined) {
          held.delete(oldest);
          ips.free(oldest);
        }
      }
      return true;
    }),
  );
});
