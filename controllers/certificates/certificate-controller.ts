import { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import type { Node } from '../../api/generated/core-v1.ts';
import { certificatesigningrequests, nodes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { type Recognized, recognize } from './approval.ts';
import { layBeatKey } from './beat-key.ts';
import { isNodeName, NodeNames } from './node-names.ts';
import { factsOf, parseRequest, RequestError } from './request-facts.ts';
import { endOfRequest, hasCondition } from './request-life.ts';
import { kubeletServing, nodePrefix, signers } from './signers.ts';
import { SigningAuthority } from './signing-authority.ts';

const workers = 5;
/** Rights are given while requests wait: they are asked for again. */
const askAgainMs = 60_000;
/** Requests for serving certificates by who asks, requests to join by the node that they want to be. */
const servingIndex = 'serving';
const claimIndex = 'claim';

type Request = CertificateSigningRequest;

/**
 * The way of a signing request: approved when it is a node's own and the node may do that, signed when it is approved
 * and for one of the cluster's signers, removed when it is of no more use. A bootstrap token's request for the name of
 * a node that is there is denied.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
export class CertificateController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #requests: Informer<Request>;
  readonly #loop: ReconcileLoop;
  readonly #tasks = new TaskGroup();
  readonly #names = new NodeNames();
  /** Uids of requests whose Node was deleted. */
  readonly #freed = new Set<string>();
  #authority: Promise<SigningAuthority> | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { client, clock, random, logger, informers } = context;
    this.#requests = new Informer({
      ...{ client, clock, random, logger, type: certificatesigningrequests },
      indexers: {
        [servingIndex]: ({ spec }) => (spec.signerName === kubeletServing ? [spec.username ?? ''] : []),
        [claimIndex]: (request) => this.#claimedNames(request),
      },
    });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'certificate', workers),
      needs: [this.#requests, informers.nodes, informers.services, informers.endpointSlices],
      sync: (name) => this.#sync(name),
    });
    const enqueue = ({ metadata }: Request): void => this.#loop.enqueue(metadata.name);
    this.#requests.addHandler({
      onAdd: enqueue,
      onUpdate: (_previous, request) => enqueue(request),
      onDelete: ({ metadata }) => {
        this.#names.forget(metadata.name);
        this.#freed.delete(metadata.uid);
      },
    });
    informers.nodes.addHandler({
      onAdd: (node) => this.#nodeChanged(node),
      onUpdate: (previous, node) => {
        if (!isDeepStrictEqual(previous.status?.addresses, node.status?.addresses)) this.#nodeChanged(node);
      },
      onDelete: ({ metadata }) => this.#freeName(metadata.name),
    });
  }

  #claimedNames(request: Request): readonly string[] {
    const claim = this.#names.claimOf(request);
    return claim === undefined ? [] : [claim.node];
  }

  /** Serving certificates are for what the Node says of itself: requests may wait for that. */
  #nodeChanged({ metadata }: Node): void {
    const user = `${nodePrefix}${metadata.name}`;
    for (const request of this.#requests.lister.byIndex(servingIndex, user))
      this.#loop.enqueue(request.metadata.name);
  }

  /** Another machine may have the name now: what was given to the last one is removed. */
  #freeName(node: string): void {
    for (const request of this.#requests.lister.byIndex(claimIndex, node))
      if (isDecided(request)) {
        this.#freed.add(request.metadata.uid);
        this.#loop.enqueue(request.metadata.name);
      }
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
    if (leftMs <= 0 || this.#freed.has(request.metadata.uid)) {
      await client.delete(certificatesigningrequests, { name }, { uid: request.metadata.uid });
      return undefined;
    }
    if (!isDecided(request) && (await this.#mayApprove(request)))
      return { requeueAfterMs: Math.min(leftMs, askAgainMs) };
    if (hasCondition(request, 'Approved')) await this.#sign(request);
    return { requeueAfterMs: leftMs };
  }

  /** @returns whether the request is one that may yet be approved here */
  async #mayApprove(request: Request): Promise<boolean> {
    const { informers, client } = this.#context;
    const recognized = readable(request, (parsed) => recognize(request, factsOf(parsed), informers));
    for (const { right, message } of recognized ?? []) {
      if (!(await this.#isAllowed(request, right))) continue;
      const taken = await this.#claimName(request);
      const decision =
        taken === undefined
          ? { type: 'Approved', status: 'True', reason: 'AutoApproved', message }
          : { type: 'Denied', status: 'True', reason: 'NodeNameRefused', message: taken };
      const next = withCondition(request, decision);
      await client.update(certificatesigningrequests, next, { subresource: 'approval' });
      return false;
    }
    return (recognized ?? []).length > 0;
  }

  /** Gives the node's name to a request with a bootstrap token, or says why not. Other requests want none. */
  async #claimName(request: Request): Promise<string | undefined> {
    const claim = this.#names.claimOf(request);
    if (claim === undefined) return undefined;
    if (!isNodeName(claim.node)) return `${JSON.stringify(claim.node)} is no name that a node can have`;
    // Asked of the API itself: a Node that has just been registered counts.
    if (await this.#exists(claim.node))
      return `node "${claim.node}" exists: delete it before another machine joins by its name, or join by another name`;
    const holder = this.#names.holderOf(
      request,
      claim,
      this.#requests.lister.byIndex(claimIndex, claim.node),
    );
    if (holder !== undefined)
      return `request "${holder}" of another machine that joins as "${claim.node}" was approved: delete it first, or join by another name`;
    this.#names.give(request, claim);
    return undefined;
  }

  async #exists(node: string): Promise<boolean> {
    try {
      await this.#context.client.get(nodes, { name: node });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
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

  /** With the certificate a machine that joins finds the key for its heartbeats. */
  async #layBeatKey(request: Request): Promise<void> {
    const { client, settings } = this.#context;
    const claim = this.#names.claimOf(request);
    if (claim === undefined || settings.beatKey === undefined) return;
    await layBeatKey(client, request, { node: claim.node, clusterKey: settings.beatKey });
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
      await this.#layBeatKey(request);
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

const isDecided = (request: Request): boolean =>
  hasCondition(request, 'Approved') || hasCondition(request, 'Denied');

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
