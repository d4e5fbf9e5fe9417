import type { PodSpec, Toleration, Volume } from '../../api/generated/core-v1.ts';
import { selectorText } from '../pod-choice.ts';
import type { Outline } from './outline.ts';

/** The volumes of a pod or of a template, which stand one level lower. */
export function describeVolumes(
  outline: Outline,
  volumes: readonly Volume[],
  place: 'pod' | 'template' = 'pod',
): void {
  const base = place === 'template' ? 1 : 0;
  if (volumes.length === 0) {
    outline.field('Volumes', '<none>', base);
    return;
  }
  outline.heading('Volumes', base);
  for (const volume of volumes) {
    outline.heading(`${place === 'template' ? ' ' : ''}${volume.name}`, 1);
    for (const [label, value] of volumeLines(volume))
      outline.row(value === undefined ? [label] : [`${label}:`, value], 2);
  }
}

/** Without a value: a line as it is. */
type VolumeLine = readonly [label: string, value?: string];

function volumeLines({ name: _, ...source }: Volume): VolumeLine[] {
  const { configMap, downwardAPI, emptyDir, hostPath, persistentVolumeClaim, projected, secret } = source;
  if (hostPath !== undefined)
    return [
      ['Type', 'HostPath (bare host directory volume)'],
      ['Path', hostPath.path],
      ['HostPathType', hostPath.type ?? ''],
    ];
  if (emptyDir !== undefined)
    return [
      ['Type', "EmptyDir (a temporary directory that shares a pod's lifetime)"],
      ['Medium', emptyDir.medium ?? ''],
      ['SizeLimit', emptyDir.sizeLimit ?? '<unset>'],
    ];
  if (secret !== undefined)
    return [
      ['Type', 'Secret (a volume populated by a Secret)'],
      ['SecretName', secret.secretName ?? ''],
      ['Optional', String(secret.optional === true)],
    ];
  if (configMap !== undefined)
    return [
      ['Type', 'ConfigMap (a volume populated by a ConfigMap)'],
      ['Name', configMap.name ?? ''],
      ['Optional', String(configMap.optional === true)],
    ];
  if (persistentVolumeClaim !== undefined)
    return [
      ['Type', 'PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)'],
      ['ClaimName', persistentVolumeClaim.claimName],
      ['ReadOnly', String(persistentVolumeClaim.readOnly === true)],
    ];
  if (downwardAPI !== undefined)
    return [
      ['Type', 'DownwardAPI (a volume populated by information about the pod)'],
      ['Items:'],
      ...(downwardAPI.items ?? []).map(({ fieldRef, resourceFieldRef, path }): VolumeLine => {
        const from = fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? '';
        return [`  ${from} -> ${path}`];
      }),
    ];
  if (projected !== undefined) return projectedLines(projected.sources ?? []);
  return otherLines(source);
}

function projectedLines(sources: NonNullable<NonNullable<Volume['projected']>['sources']>): VolumeLine[] {
  const lines: VolumeLine[] = [
    ['Type', 'Projected (a volume that contains injected data from multiple sources)'],
  ];
  for (const { secret, downwardAPI, configMap, serviceAccountToken } of sources) {
    if (secret !== undefined)
      lines.push(['SecretName', secret.name ?? ''], ['Optional', String(secret.optional === true)]);
    else if (downwardAPI !== undefined) lines.push(['DownwardAPI', 'true']);
    else if (configMap !== undefined)
      lines.push(['ConfigMapName', configMap.name ?? ''], ['Optional', String(configMap.optional === true)]);
    else if (serviceAccountToken !== undefined)
      lines.push(['TokenExpirationSeconds', String(serviceAccountToken.expirationSeconds ?? 3_600)]);
  }
  return lines;
}

/** A type of volume that has no words of its own: its plain fields. */
function otherLines(source: Omit<Volume, 'name'>): VolumeLine[] {
  const [type = '', value] = Object.entries(source)[0] ?? [];
  const title = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  const plain = Object.entries(Object(value)).filter(([, detail]) => typeof detail !== 'object');
  return [
    ['Type', title(type)],
    ...plain.map(([field, detail]): VolumeLine => [title(field), String(detail)]),
  ];
}

export function describeSpread(outline: Outline, spec: PodSpec | undefined, level = 0): void {
  const lines = (spec?.topologySpreadConstraints ?? []).map(
    ({ topologyKey, whenUnsatisfiable, maxSkew, labelSelector }) => {
      const selector = labelSelector === undefined ? '<none>' : selectorText(labelSelector);
      return `${topologyKey}:${whenUnsatisfiable} when max skew ${maxSkew} is exceeded for selector ${selector}`;
    },
  );
  if (lines.length > 0) outline.field('Topology Spread Constraints', lines, level);
}

export function describePriorityClass(outline: Outline, spec: PodSpec | undefined, level = 0): void {
  const name = spec?.priorityClassName ?? '';
  if (name !== '') outline.field('Priority Class Name', name, level);
}

/** In the order of their keys. */
export function tolerationTexts(spec: PodSpec | undefined): string[] {
  const keyOf = ({ key = '' }: Toleration): string => key;
  const byKey = (a: Toleration, b: Toleration): number =>
    keyOf(a) === keyOf(b) ? 0 : keyOf(a) < keyOf(b) ? -1 : 1;
  return [...(spec?.tolerations ?? [])].sort(byKey).map(tolerationText);
}

/** `key=value:Effect for 300s` */
function tolerationText({ key = '', operator, value, effect, tolerationSeconds }: Toleration): string {
  const wanted = operator === 'Exists' ? ' op=Exists' : '';
  const equals = value === undefined || value === '' ? '' : `=${value}`;
  const seconds = tolerationSeconds === undefined ? '' : ` for ${tolerationSeconds}s`;
  return `${key}${equals}${effect === undefined ? '' : `:${effect}`}${wanted}${seconds}`;
}
