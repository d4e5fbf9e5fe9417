/**
 * The head of an OpenAPI 2.0 document in the form in which kubectl reads it: the protobuf message
 * `openapi.v2.Document` of gnostic. kubectl asks for it before it sends the items of a `kind: List`, to check them by
 * itself; a kind that the document does not define is left to the server, which checks every item as it comes.
 *
 * @see https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto
 */
const wireBytes = 2;
const maxShortLength = 0x7f;

const documentFields = { swagger: 1, info: 2, paths: 8 } as const;
const infoFields = { title: 1, version: 2 } as const;

/** A field of bytes, whose length is one byte. @throws RangeError when it would be more */
function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length > maxShortLength) throw new RangeError(`field ${number} of ${bytes.length} bytes`);
  return Buffer.concat([Buffer.from([number * 8 + wireBytes, bytes.length]), bytes]);
}

/** @param version the server's, as `/version` tells it */
export function renderProtobufHead(version: string): Buffer {
  const info = [field(infoFields.title, 'Kubernetes'), field(infoFields.version, version)];
  return Buffer.concat([
    field(documentFields.swagger, '2.0'),
    field(documentFields.info, Buffer.concat(info)),
    field(documentFields.paths, ''),
  ]);
}
