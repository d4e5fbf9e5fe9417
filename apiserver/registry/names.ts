import type { NameRule } from './kind-rules.ts';

const dns1123LabelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123SubdomainPattern = `${dns1123LabelPattern}(\\.${dns1123LabelPattern})*`;
const dns1035LabelPattern = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedNamePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValuePattern = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const dns1123Label = whole(dns1123LabelPattern);
const dns1123Subdomain = whole(dns1123SubdomainPattern);
const dns1035Label = whole(dns1035LabelPattern);
const qualifiedName = whole(qualifiedNamePattern);
const labelValue = whole(labelValuePattern);
const configKey = /^[-._a-zA-Z0-9]+$/;
const printableAscii = /^[ -<>-~]+$/;

const maxLabelLength = 63;
const maxSubdomainLength = 253;

export const maxLengthText = (length: number): string => `must be no more than ${length} characters`;
/** What label keys and values, and all qualified names, are told. */
const maxBytesText = (length: number): string => `must be no more than ${length} bytes`;

/** `<message> (e.g. 'a',  or 'b', regex used for validation is '...')`, double space included. */
function regexText(message: string, pattern: string, examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}'`).join(',  or ');
  return `${message} (e.g. ${shown}, regex used for validation is '${pattern}')`;
}

const subdomainText = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  dns1123SubdomainPattern,
  ['example.com'],
);
const labelText = regexText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  dns1123LabelPattern,
  ['my-name', '123-abc'],
);
const dns1035Text = regexText(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  dns1035LabelPattern,
  ['my-name', 'abc-123'],
);
const qualifiedNameText = regexText(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualifiedNamePattern,
  ['MyName', 'my.name', '123-abc'],
);
const labelValueText = regexText(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValuePattern,
  ['MyValue', 'my_value', '12345'],
);

/** Length first, then form, as Kubernetes tells them. */
function check(value: string, maxLength: number, pattern: RegExp, text: string): string[] {
  const problems: string[] = [];
  if (value.length > maxLength) problems.push(maxLengthText(maxLength));
  if (!pattern.test(value)) problems.push(text);
  return problems;
}

/** A prefix may end in a dash: what follows will be alphanumeric. */
const withoutTrailingDash = (name: string): string => (/^.+-$/.test(name) ? `${name.slice(0, -1)}a` : name);

export function dnsSubdomainProblems(value: string): string[] {
  return check(value, maxSubdomainLength, dns1123Subdomain, subdomainText);
}

export function dnsLabelProblems(value: string): string[] {
  // What would be a subdomain can have only its dots wrong.
  const text = value.includes('.') && dns1123Subdomain.test(value) ? 'must not contain dots' : labelText;
  return check(value, maxLabelLength, dns1123Label, text);
}

const underscoredLabelPattern = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscoredPattern = `${underscoredLabelPattern}(\\.${underscoredLabelPattern})*`;
const underscoredSubdomain = whole(underscoredPattern);
const underscoredText = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  underscoredPattern,
  ['example.com'],
);

/** A search domain, which may have underscores. */
export function underscoredSubdomainProblems(value: string): string[] {
  return check(value, maxSubdomainLength, underscoredSubdomain, underscoredText);
}

export function dns1035LabelProblems(value: string): string[] {
  return check(value, maxLabelLength, dns1035Label, dns1035Text);
}

const wildcardPattern = `\\*\\.${dns1123SubdomainPattern}`;
const wildcardSubdomain = whole(wildcardPattern);
const wildcardText = regexText(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  wildcardPattern,
  ['*.example.com'],
);

export function wildcardSubdomainProblems(value: string): string[] {
  return check(value, maxSubdomainLength, wildcardSubdomain, wildcardText);
}

export const dnsSubdomainName: NameRule = (name, isPrefix) =>
  dnsSubdomainProblems(isPrefix ? withoutTrailingDash(name) : name);
export const dnsLabelName: NameRule = (name, isPrefix) =>
  dnsLabelProblems(isPrefix ? withoutTrailingDash(name) : name);
export const dns1035LabelName: NameRule = (name, isPrefix) =>
  dns1035LabelProblems(isPrefix ? withoutTrailingDash(name) : name);

/** RBAC names, and whatever else need only stand in a path. */
export const pathSegmentName: NameRule = (name, isPrefix) => {
  if (!isPrefix && name === '.') return ["may not be '.'"];
  if (!isPrefix && name === '..') return ["may not be '..'"];
  return ['/', '%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
};

const longSubdomain = maxLengthText(maxSubdomainLength);
const twoSlashesText = `a valid label key ${qualifiedNameText} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
const namePartText = `name part ${qualifiedNameText}`;

/** `example.com/name`: label keys, finalizers, resource names, condition types; all are told of in the words of label keys. */
export function qualifiedNameProblems(value: string): string[] {
  const slash = value.indexOf('/');
  if (slash >= 0 && value.includes('/', slash + 1)) return [twoSlashesText];
  const problems: string[] = [];
  const name = slash < 0 ? value : value.slice(slash + 1);
  if (slash === 0) problems.push('prefix part must be non-empty');
  else if (slash > 0)
    for (const problem of dnsSubdomainProblems(value.slice(0, slash)))
      problems.push(`prefix part ${problem === longSubdomain ? maxBytesText(maxSubdomainLength) : problem}`);
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > maxLabelLength) problems.push(`name part ${maxBytesText(maxLabelLength)}`);
  if (!qualifiedName.test(name)) problems.push(namePartText);
  return problems;
}

export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > maxLabelLength) problems.push(maxBytesText(maxLabelLength));
  if (!labelValue.test(value)) problems.push(labelValueText);
  return problems;
}

const configKeyText = regexText(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  '[-._a-zA-Z0-9]+',
  ['key.name', 'KEY_NAME', 'key-name'],
);

export function configKeyProblems(value: string): string[] {
  const problems = check(value, maxSubdomainLength, configKey, configKeyText);
  if (value === '.') problems.push("must not be '.'");
  else if (value === '..') problems.push("must not be '..'");
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

export function envVarNameProblems(value: string): string[] {
  return printableAscii.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Names of container and service ports. */
export function portNameProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push(maxLengthText(15));
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export function portNumberProblems(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}
