import { X509Certificate } from 'node:crypto';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import { certificatesigningrequests } from '../../api/generated/resources.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { type Recognized, recognize } from './approval.ts';
import { factsOf, parseRequest, RequestError } from './request-facts.ts';
import { endOfRequest, hasCondition } from './request-life.ts';
import { signers } from './signers.ts';
import { SigningAuthority } from './signing-authority.ts';

const workers = 5;
/** Rights are given while requests wait: they are asked for again. */
const askAgainMs = 60_000;

type Request = CertificateSigningRequest;

/**
 * The way of a signing request: approved when it is a node's own and the node may do that, signed when it is approved
 * and for one of the cluster's signers, removed when it is of no more use.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
export class CertificateController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #requests: Informer<Request>;
  readonly #loop: ReconcileLoop;
  readonly #tasks = new TaskGroup();
  #authority: Promise<SigningAuthority> | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { client, clock, random, logger, informers } = context;
    this.#requests = new Informer({ client, clock, random, logger, type: certificatesigningrequests });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'certificate', workers),
      needs: [this.#requests, informers.nodes],
      sync: (name) => this.#sync(name),
    });
    const enqueue = ({ metadata }: Request): void => this.#loop.enqueue(metadata.name);
    this.#requests.addHandler({ onAdd: enqueue, onUpdate: (_previous, request) => enqueue(request) });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#tasks.start((own) => this.#requests.run(own));
    await this.#loop.run(signal);
    this.#tasks.stop();
    await this.#tasks.join();
  }

  async #sync(name: string): Promise<SyncResult | undefined> {
    const request = this.#requests.lister.get(undefined, name);
    if (request === undefined) return undefined;
    const { client, clock } = this.#context;
    const leftMs = endOfRequest(request, certificateEnd(request)) - clock.nowMs();
    if (leftMs <= 0) {
      await client.delete(certificatesigningrequests, { name }, { uid: request.metadata.uid });
      return undefined;
    }
    const isDecided = hasCondition(request, 'Approved') || hasCondition(request, 'Denied');
    if (!isDecided && (await this.#mayApprove(request)))
      return { requeueAfterMs: Math.min(leftMs, askAgainMs) };
    if (hasCondition(request, 'Approved')) await this.#sign(request);
    return { requeueAfterMs: leftMs };
  }

  /** @returns whether the request is one that may yet be approved here */
  async #mayApprove(request: Request): Promise<boolean> {
    const { informers, client } = this.#context;
    const recognized = readable(request, (parsed) =>
      recognize(request, factsOf(parsed), (node) => informers.nodes.lister.get(undefined, node)),
    );
    for (const { right, message } of recognized ?? []) {
      if (!(await this.#isAllowed(request, right))) continue;
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
      const next = withCondition(request, approved);
      await client.update(certificatesigningrequests, next, { subresource: 'approval' });
      return false;
    }
    return (recognized ?? []).length > 0;
  }

  async #isAllowed({ spec }: Request, right: Recognized['right']): Promise<boolean> {
    const { username, uid, groups, extra } = spec;
    const group = 'certificates.k8s.io';
    const resource = 'certificatesigningrequests';
    const resourceAttributes = { group, resource, verb: 'create', subresource: right, version: '*' };
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: username, uid, groups, extra, resourceAttributes },
    };
    const { status, body } = await this.#context.client.request({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(review),
    });
    if (status !== 201) throw new Error(`review the access of ${username}: HTTP status ${status}`);
    const answer = JSON.parse(body.toString('utf8')) as { readonly status?: { readonly allowed?: boolean } };
    return answer.status?.allowed === true;
  }

  async #sign(request: Request): Promise<void> {
    const { client, clock, settings } = this.#context;
    const { signerName, usages = [], expirationSeconds: seconds } = request.spec;
    const objection = signers.get(signerName);
    const isDone = (request.status?.certificate ?? '') !== '' || hasCondition(request, 'Failed');
    if (objection === undefined || isDone || settings.signing === undefined) return;
    try {
      const parsed = parseRequest(request.spec.request);
      const why = objection(factsOf(parsed), usages);
      if (why !== undefined) throw new RequestError(why);
      this.#authority ??= SigningAuthority.open(settings.signing);
      const pem = await (await this.#authority).sign(parsed, { usages, seconds, nowMs: clock.nowMs() });
      const certificate = Buffer.from(pem).toString('base64');
      const status = { ...request.status, certificate };
      await client.update(certificatesigningrequests, { ...request, status }, { subresource: 'status' });
    } catch (error) {
      // What is wrong with the request does not get better; everything else is tried again.
      if (!(error instanceof RequestError)) throw error;
      const failed = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message: error.message,
      };
      await client.update(certificatesigningrequests, withCondition(request, failed), {
        subresource: 'status',
      });
    }
  }
}

/** Undefined for a request that cannot be read: there is nothing to approve. */
function readable<T>(request: Request, use: (parsed: ReturnType<typeof parseRequest>) => T): T | undefined {
  try {
    return use(parseRequest(request.spec.request));
  } catch (error) {
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}

function withCondition(request: Request, condition: CertificateSigningRequestCondition): Request {
  const conditions = [...(request.status?.conditions ?? []), condition];
  return { ...request, status: { ...request.status, conditions } };
}

function certificateEnd({ status }: Request): number | undefined {
  const certificate = status?.certificate ?? '';
  if (certificate === '') return undefined;
  try {
    return Date.parse(new X509Certificate(Buffer.from(certificate, 'base64')).validTo);
  } catch {
    // Another signer's text that is no certificate: it ends with the request.
    return undefined;
  }
}
