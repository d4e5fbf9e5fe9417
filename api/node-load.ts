/** On a node's Lease: what the node really uses, as its agent reports it with every renewal. */
export const loadAnnotation = 'coracle.dev/load';
