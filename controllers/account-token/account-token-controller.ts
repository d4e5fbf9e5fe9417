/**
 * Fills Secrets of type `kubernetes.io/service-account-token` that somebody has made for an account, and removes them when the account is
 * gone. The token is asked of the API server, bound to the Secret: the key that signs it stays there, and the token dies with the Secret.
 */
import type { TokenRequest } from '../../api/generated/authentication-v1.ts';
import type { Secret, ServiceAccount } from '../../api/generated/core-v1.ts';
import { secrets, serviceaccounts } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';

const workers = 2;
const secretType = 'kubernetes.io/service-account-token';
const nameAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';
/** As long as a request may ask for: in effect until the Secret goes. */
const lifetimeSeconds = 2 ** 32;

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;
const encoded = (text: string): string => Buffer.from(text).toString('base64');

export class AccountTokenController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #secrets: Informer<Secret>;
  /** All of them; the shared ones are those named `default`. */
  readonly #accounts: Informer<ServiceAccount>;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#accounts = new Informer<ServiceAccount>({ ...context, type: serviceaccounts });
    this.#secrets = new Informer<Secret>({
      ...{ ...context, type: secrets, selection: { fieldSelector: `type=${secretType}` } },
    });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'account-token', workers),
      needs: [this.#secrets, this.#accounts],
      sync: (key) => this.#sync(key),
    });
    const enqueue = ({ metadata }: Secret): void =>
      this.#loop.enqueue(keyOf(metadata.namespace ?? '', metadata.name));
    this.#secrets.addHandler({ onAdd: enqueue, onUpdate: (_previous, secret) => enqueue(secret) });
    const enqueueOf = (account: ServiceAccount): void => this.#enqueueOf(account);
    this.#accounts.addHandler({ onAdd: enqueueOf, onDelete: enqueueOf });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#secrets.run(signal), this.#accounts.run(signal), this.#loop.run(signal)]);
  }

  #enqueueOf({ metadata }: ServiceAccount): void {
    for (const secret of this.#secrets.lister.list())
      if (
        secret.metadata.namespace === metadata.namespace &&
        secret.metadata.annotations?.[nameAnnotation] === metadata.name
      )
        this.#loop.enqueue(keyOf(metadata.namespace ?? '', secret.metadata.name));
  }

  async #sync(key: string): Promise<undefined> {
    const [namespace = '', name = ''] = key.split('/');
    const secret = this.#secrets.lister.get(namespace, name);
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return;
    const accountName = secret.metadata.annotations?.[nameAnnotation] ?? '';
    const account = await this.#accountOf(namespace, accountName);
    const uid = secret.metadata.annotations?.[uidAnnotation] ?? '';
    if (account === undefined || (uid !== '' && uid !== account.metadata.uid)) await this.#remove(secret);
    else await this.#fill(secret, account);
  }

  /** The cache may not have it yet; only the server's word is reason enough to remove a token. */
  async #accountOf(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    const { client } = this.#context;
    const known = this.#accounts.lister.get(namespace, name);
    if (known !== undefined || name === '') return known;
    try {
      return await client.get(serviceaccounts, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #remove({ metadata }: Secret): Promise<void> {
    await this.#context.client.delete(secrets, metadata, { uid: metadata.uid });
  }

  async #fill(secret: Secret, account: ServiceAccount): Promise<void> {
    const { client, settings } = this.#context;
    const { metadata, data = {} } = secret;
    const { rootCa } = settings;
    const hasCa = rootCa === undefined || data['ca.crt'] === encoded(rootCa);
    const hasToken = (data['token'] ?? '') !== '' && (data['namespace'] ?? '') !== '';
    if (hasToken && hasCa && metadata.annotations?.[uidAnnotation] === account.metadata.uid) return;
    const token = hasToken ? data['token'] : encoded(await this.#tokenFor(secret, account));
    await client.update(secrets, {
      ...secret,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [uidAnnotation]: account.metadata.uid ?? '' },
      },
      data: {
        ...data,
        ...(rootCa === undefined ? {} : { 'ca.crt': encoded(rootCa) }),
        ...{ namespace: encoded(metadata.namespace ?? ''), token: token ?? '' },
      },
    });
  }

  async #tokenFor({ metadata }: Secret, account: ServiceAccount): Promise<string> {
    const { name, uid } = metadata;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name, uid };
    const body = {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
      spec: { expirationSeconds: lifetimeSeconds, boundObjectRef },
    };
    const { client } = this.#context;
    const answer = await client.createSubresource(serviceaccounts, account.metadata, 'token', body);
    return (answer as TokenRequest).status?.token ?? '';
  }
}
