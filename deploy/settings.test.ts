import { describe, expect, it } from 'vitest';
import { clusterName, differences, parseOptions, settingsOf } from './settings.ts';
import { UserError } from './user-error.ts';

const settings = (...args: string[]): ReturnType<typeof settingsOf> =>
  settingsOf(parseOptions('up', args).values);

describe('the settings of up', () => {
  it('default to three hosts, one server and the example', () => {
    expect(settings()).toMatchObject({
      hosts: 3,
      servers: 1,
      hollow: 0,
      example: true,
      port: 6443,
      podCidr: '10.244.0.0/16',
    });
  });

  it.each([
    [['--no-example'], false],
    [['--hosts', '0'], false],
    [['--only', 'etcd,apiserver'], false],
    [['--hosts', '2'], true],
  ])('%j applies the example: %s', (args, example) => {
    expect(settings(...args).example).toBe(example);
  });

  it('start no host when the list of parts has none', () => {
    expect(settings('--only', 'apiserver,etcd')).toMatchObject({ hosts: 0, only: ['etcd', 'apiserver'] });
  });

  it('widen the pod range when a /16 has too few /24', () => {
    expect(settings('--hollow', '5000').podCidr).toBe('10.128.0.0/11');
  });

  it.each([
    [
      ['--scheduler-config', '/nowhere/scheduler.yaml'],
      '--scheduler-config: there is no file /nowhere/scheduler.yaml',
    ],
    [
      ['--only', 'etcd,kubelet'],
      '--only: unknown part "kubelet" (known: etcd, apiserver, scheduler, controllers, hosts)',
    ],
    [['--only', ''], '--only: names no part'],
    [['--servers', '6'], '--servers: 6 is not between 1 and 5'],
    [['--port', '70000'], '--port: 70000 is not a port'],
    [
      ['--advertise-address', '127.0.0.1'],
      '--advertise-address: "127.0.0.1" is not an IPv4 address that other machines can reach',
    ],
    [
      ['--advertise-address', 'server-1'],
      '--advertise-address: "server-1" is not an IPv4 address that other machines can reach',
    ],
    [
      ['--advertise-address', '192.0.2.1', '--hosts', '2'],
      '--advertise-address: simulated hosts hang on a wire that no other machine reaches; leave out --hosts',
    ],
    [['--hosts', '1000'], '--hosts: 1000 simulated hosts are more than the 200 that one machine takes'],
  ])('refuse %j', (args, message) => {
    expect(() => settings(...args)).toThrow(new UserError(message, 2));
  });

  it('have no simulated hosts when other machines are to join', () => {
    expect(settings('--advertise-address', '192.0.2.1')).toMatchObject({
      ...{ hosts: 0, example: false, advertiseAddress: '192.0.2.1' },
    });
  });

  it('name what differs from a running cluster', () => {
    expect(differences(settings(), settings('--servers', '3', '--port', '7443'))).toEqual([
      '--servers: running with 1, asked for 3',
      '--port: running with 6443, asked for 7443',
    ]);
    expect(differences(settings(), settings())).toEqual([]);
  });
});

describe('the name of a cluster', () => {
  it.each(['Coracle', '1a', 'a-b', 'abcdefghijk', ''])('is not %j', (name) => {
    expect(() => clusterName(parseOptions('down', ['--name', name]).values)).toThrow(UserError);
  });

  it('defaults to coracle', () => {
    expect(clusterName(parseOptions('down', []).values)).toBe('coracle');
  });
});
