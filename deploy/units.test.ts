import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
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
