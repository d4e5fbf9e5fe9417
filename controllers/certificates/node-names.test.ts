import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { createPrivateKeyPem, createSigningRequest } from '../../client/signing-request.ts';
import { isNodeName, NodeNames, nameClaimOf } from './node-names.ts';
import { apiserverClient, kubeletClient } from './signers.ts';

const keys = { mine: createPrivateKeyPem(), theirs: createPrivateKeyPem() };

function aRequest(
  name: string,
  options: { node?: string; key?: keyof typeof keys; approved?: boolean; spec?: object } = {},
): CertificateSigningRequest {
  const { node = 'host-9', key = 'mine', approved = false } = options;
  const pem = createSigningRequest({
    ...{ privateKey: keys[key], organization: 'system:nodes', commonName: `system:node:${node}` },
  });
  return {
    ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' },
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: {
      ...{ request: Buffer.from(pem).toString('base64'), signerName: kubeletClient },
      ...{ username: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'], ...options.spec },
    },
    status: approved ? { conditions: [{ type: 'Approved', status: 'True' }] } : {},
  };
}

/** As the controller does: looks, and takes the name in the same step. */
function ask(names: NodeNames, request: CertificateSigningRequest, others: CertificateSigningRequest[] = []) {
  const claim = nameClaimOf(request);
  if (claim === undefined) throw new TypeError('no claim');
  const holder = names.holderOf(request, claim, others);
  if (holder === undefined) names.give(request, claim);
  return holder;
}

describe('the name of a node', () => {
  it('goes to one of two machines that ask at the same time', () => {
    const names = new NodeNames();
    expect(ask(names, aRequest('one'))).toBeUndefined();
    expect(ask(names, aRequest('two', { key: 'theirs' }))).toBe('one');
    expect(ask(names, aRequest('three', { key: 'theirs', node: 'host-8' }))).toBeUndefined();
  });

  it('is remembered by the requests themselves when the controllers start anew', () => {
    const known = aRequest('one', { approved: true });
    expect(ask(new NodeNames(), aRequest('two', { key: 'theirs' }), [known])).toBe('one');
    expect(ask(new NodeNames(), aRequest('two', { key: 'theirs' }), [aRequest('one')])).toBeUndefined();
  });

  it('stays with the key: a machine that asks again gets it again', () => {
    expect(ask(new NodeNames(), aRequest('two'), [aRequest('one', { approved: true })])).toBeUndefined();
  });

  it('is free when the request is gone', () => {
    const names = new NodeNames();
    ask(names, aRequest('one'));
    names.forget('one');
    expect(ask(names, aRequest('two', { key: 'theirs' }))).toBeUndefined();
  });

  it.each(['', 'a/b', '../x', 'A', '-a', 'a'.repeat(245)])('is not %j', (name) =>
    expect(isNodeName(name)).toBe(false),
  );

  it('is wanted by bootstrap tokens only', () => {
    expect(nameClaimOf(aRequest('one'))?.node).toBe('host-9');
    for (const spec of [{ groups: ['system:nodes'] }, { signerName: apiserverClient }, { request: 'x' }])
      expect(nameClaimOf(aRequest('one', { spec }))).toBeUndefined();
  });
});
