import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Frontend } from './frontend.ts';
import { ServiceRules } from './service-rules.ts';

const ranges = { clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12', clusterDns: '10.96.0.10' };

function aFrontend(endpoints: readonly string[], extra: Partial<Frontend> = {}): Frontend {
  return {
    id: 'services 10.96.0.1 . tcp . 80',
    map: 'services',
    key: '10.96.0.1 . tcp . 80',
    endpoints,
    whenEmpty: 'refuse',
    affinity: undefined,
    rank: '',
    ...extra,
  };
}

function apply(
  rules: ServiceRules,
  frontend: Frontend | undefined,
  id = 'services 10.96.0.1 . tcp . 80',
): string {
  const plan = rules.plan(new Map([[id, frontend]]));
  plan.commit();
  return plan.text;
}

test('a service without endpoints is refused, and one that is gone leaves nothing', () => {
  const rules = new ServiceRules(ranges);
  expect(apply(rules, aFrontend([]))).toBe(
    'add element ip coracle services { 10.96.0.1 . tcp . 80 : goto refuse }\n',
  );
  expect(apply(rules, undefined)).toBe('delete element ip coracle services { 10.96.0.1 . tcp . 80 }\n');
});

test('an endpoint that replaces another writes one element', () => {
  const rules = new ServiceRules(ranges);
  apply(rules, aFrontend(['10.244.1.2 . 80', '10.244.1.3 . 80']));
  expect(apply(rules, aFrontend(['10.244.1.3 . 80', '10.244.1.4 . 80']))).toBe(
    'delete element ip coracle services_2 { 10.96.0.1 . tcp . 80 . 0 }\n' +
      'add element ip coracle services_2 { 10.96.0.1 . tcp . 80 . 0 : 10.244.1.4 . 80 }\n',
  );
});

test('a state that is there already writes nothing', () => {
  const rules = new ServiceRules(ranges);
  const sticky = aFrontend(['10.244.1.2 . 80'], { affinity: { group: 'g', seconds: 10 } });
  apply(rules, sticky);
  expect(apply(rules, sticky)).toBe('');
});

test('a plan that is not committed changes nothing', () => {
  const rules = new ServiceRules(ranges);
  const first = rules.plan(new Map([['x', aFrontend(['10.244.1.2 . 80'])]])).text;
  expect(rules.plan(new Map([['x', aFrontend(['10.244.1.2 . 80'])]])).text).toBe(first);
});

/** Replays element commands as the kernel would. @throws when one deletes what is not there or adds what is. */
function replay(kernel: Map<string, string>, text: string): void {
  for (const line of text.split('\n')) {
    const match = /^(add|delete) element ip coracle (\S+) \{ (.*) \}$/.exec(line);
    if (match === null) continue;
    const [, verb, map, list = ''] = match;
    for (const element of list.split(', ')) {
      const [key = '', value = ''] = element.split(' : ');
      const id = `${map} ${key}`;
      if (verb === 'add' ? kernel.has(id) : !kernel.delete(id)) throw new Error(`${verb} ${id}`);
      if (verb === 'add') kernel.set(id, value);
    }
  }
}

test('any sequence of changes leaves exactly the elements of the last state', () => {
  const target = fc.integer({ min: 1, max: 6 }).map((n) => `10.244.1.${n} . 80`);
  const states = fc.array(fc.option(fc.uniqueArray(target, { maxLength: 5 }), { nil: undefined }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(states, (sequence) => {
      const rules = new ServiceRules(ranges);
      const kernel = new Map<string, string>();
      for (const endpoints of sequence) replay(kernel, apply(rules, endpoints && aFrontend(endpoints)));
      const last = sequence.at(-1);
      const slots = [...kernel].filter(([id]) => id.startsWith('services_')).map(([, value]) => value);
      expect(slots.sort()).toEqual([...(last ?? [])].sort());
      expect(kernel.size).toBe(last === undefined ? 0 : last.length + 1);
    }),
  );
});

test('the replay notices an element that is added twice', () => {
  const kernel = new Map<string, string>();
  const line = 'add element ip coracle services { a : goto refuse }\n';
  replay(kernel, line);
  expect(() => replay(kernel, line)).toThrow('add services a');
});
