import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { serverUnits } from './server-units.ts';
import { parseOptions, settingsOf } from './settings.ts';
import { readUnits, writeUnit } from './units.ts';

test('a unit that goes while the folder is read is no unit, and no failure', () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-units-'));
  try {
    const layout = { ...layoutOf('test'), units: join(directory, 'units') };
    mkdirSync(layout.units);
    writeUnit(layout, { name: 'stays', cgroup: '/x', command: ['true'] });
    // The folder names it, and nothing is there: what a removal at the wrong moment looks like.
    symlinkSync(join(directory, 'gone'), join(layout.units, 'goes.json'));
    expect([...readUnits(layout).keys()]).toEqual(['stays']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('API servers speak to the scheduler as a proxy, by an authority that signs nothing else', () => {
  const settings = settingsOf(parseOptions('up', ['--hosts', '0']).values);
  const choices = { underlay: undefined, etcdPorts: [{ client: 1, peer: 2 }] };
  const units = serverUnits(layoutOf('test'), settings, choices);
  const flag = (unit: string, name: string): string | undefined => {
    const command = units.find((each) => each.name === unit)?.command ?? [];
    const given = command.find((word) => word.startsWith(`--${name}=`));
    return given?.slice(given.indexOf('=') + 1) ?? command[command.indexOf(`--${name}`) + 1];
  };
  const authority = flag('apiserver-1', 'requestheader-client-ca-file');
  expect(authority).toMatch(/\/pki\/front-proxy\/ca\.crt$/);
  expect(flag('scheduler-1', 'client-ca-file')).toBe(authority);
  expect(flag('apiserver-1', 'client-ca-file')).not.toBe(authority);
  expect(flag('apiserver-1', 'proxy-client-cert-file')).toMatch(
    /\/pki\/front-proxy\/front-proxy-client\.crt$/,
  );
});
