/** What bounds requests when `--enable-priority-and-fairness=false`: two numbers for everybody, as in Kubernetes. */
import { mastersGroup } from '../authentication/authenticator.ts';
import { type RequestGate, type Seat, tooManyRequests } from './flow-controller.ts';
import type { FlowRequest } from './flow-schema.ts';

const readOnlyVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options']);

export class InflightLimits implements RequestGate {
  readonly #limits: { readonly readOnly: number; readonly mutating: number };
  #readOnly = 0;
  #mutating = 0;

  constructor(limits: { readonly readOnly: number; readonly mutating: number }) {
    this.#limits = limits;
  }

  /** @throws StatusError 429 when too many of its kind are under way */
  admit({ verb, user }: FlowRequest): Seat {
    if (user.groups.includes(mastersGroup)) return seatOf(() => undefined);
    if (readOnlyVerbs.has(verb)) {
      if (this.#readOnly >= this.#limits.readOnly) throw tooManyRequests();
      this.#readOnly += 1;
      return seatOf(() => {
        this.#readOnly -= 1;
      });
    }
    if (this.#mutating >= this.#limits.mutating) throw tooManyRequests();
    this.#mutating += 1;
    return seatOf(() => {
      this.#mutating -= 1;
    });
  }
}

function seatOf(leave: () => void): Seat {
  let held = true;
  return {
    schemaUid: '',
    levelUid: '',
    release: () => {
      if (held) leave();
      held = false;
    },
  };
}
