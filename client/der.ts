/** ASN.1 in DER, as far as certificates and requests for them need it. @see ITU-T X.690 */

export const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific: attributes of a request and version of a certificate; extensions; a DNS name; an address. */
  first: 0xa0,
  fourth: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const;

/** Object identifiers, encoded. */
export const oid: Readonly<
  Record<'commonName' | 'organization' | 'ecdsaWithSha256' | 'extensionRequest' | 'subjectAltName', Buffer>
> = {
  commonName: Buffer.from([0x55, 0x04, 0x03]),
  organization: Buffer.from([0x55, 0x04, 0x0a]),
  /** 1.2.840.10045.4.3.2 */
  ecdsaWithSha256: Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]),
  /** 1.2.840.113549.1.9.14 */
  extensionRequest: Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]),
  subjectAltName: Buffer.from([0x55, 0x1d, 0x11]),
};

/** One element: tag, length, contents. */
export function der(type: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([type]), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

/** A name of one organisation and one common name. */
export function subjectName(organization: string, commonName: string): Buffer {
  return der(tag.sequence, attribute(oid.organization, organization), attribute(oid.commonName, commonName));
}

function attribute(type: Buffer, value: string): Buffer {
  const pair = der(tag.sequence, der(tag.oid, type), der(tag.utf8String, Buffer.from(value)));
  return der(tag.set, pair);
}

/** `body`, how it is signed, and the signature. */
export function signedBody(body: Buffer, signature: Buffer): Buffer {
  const bits = der(tag.bitString, Buffer.from([0]), signature);
  return der(tag.sequence, body, ecdsaWithSha256, bits);
}

export const ecdsaWithSha256: Buffer = der(tag.sequence, der(tag.oid, oid.ecdsaWithSha256));

export function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
