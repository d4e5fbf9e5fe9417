import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where everything of one cluster lies on the machine. All paths are absolute. */
export interface Layout {
  readonly name: string;
  /** The clone. */
  readonly root: string;
  /** `.cluster`, or `.cluster-NAME` for a cluster that is not called `coracle`. */
  readonly state: string;
  readonly pki: string;
  readonly run: string;
  readonly logs: string;
  readonly units: string;
  readonly hosts: string;
  readonly kubeconfig: string;
  /** Kept by `down`: images and unpacked layers. */
  readonly cache: string;
  /** Directory of the compiled programs. */
  readonly dist: string;
  readonly node: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The bundle lies two levels below the clone (`dist/deploy/main.js`). */
export function layoutOf(name: string): Layout {
  const state = join(root, name === 'coracle' ? '.cluster' : `.cluster-${name}`);
  return {
    name,
    root,
    state,
    pki: join(state, 'pki'),
    run: join(state, 'run'),
    logs: join(state, 'log'),
    units: join(state, 'units'),
    hosts: join(state, 'hosts'),
    kubeconfig: join(state, 'kubeconfig'),
    cache: join(root, '.cache'),
    dist: join(root, 'dist'),
    node: process.execPath,
  };
}
