import type { AnyObject } from '../../api/kind-info.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { toWireJson } from './wire-json.ts';

type Versioned = Pick<KindStrategy, 'conversion'>;

/** A stored object as this version of its kind shows it. */
export function fromStored({ conversion }: Versioned, json: Buffer): AnyObject {
  const stored = JSON.parse(json.toString()) as AnyObject;
  return conversion === undefined ? stored : conversion.fromStored(stored);
}

/** The bytes of a stored object as this version shows them: mostly the same ones. */
export function viewJson(strategy: Versioned, json: Buffer, version: number): Buffer {
  return strategy.conversion === undefined ? json : toWireJson(fromStored(strategy, json), version);
}

/** An object of this version as it is stored. */
export function toStored({ conversion }: Versioned, object: AnyObject): AnyObject {
  return conversion === undefined ? object : conversion.toStored(object);
}
