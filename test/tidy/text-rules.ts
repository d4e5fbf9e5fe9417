import type { SourceFile } from './source-files.ts';

export const maxFileLines = 500;
export const maxFunctionLines = 70;

export function longFiles(files: readonly SourceFile[]): string[] {
  const long = files.filter((file) => file.text.split('\n').length - 1 > maxFileLines);
  return long.map((file) => `${file.path}: ${file.text.split('\n').length - 1} lines`);
}

/** A line that opens a function or method, as the formatter lays it out; suites (`describe`) are not functions. */
const opening =
  /^(\s*)(?:export )?(?:default )?(?:(?:async )?function\*? \w|(?:static )?(?:async )?(?:\*)?(?:get |set )?#?\w+(?:<[^>]*>)?\(.*\{$|(?:const|let) \w+.*=> \{$)/;
const notFunctions = /^\s*(?:if|for|while|switch|catch|return|describe|else|await|do|try)\b/;

/** Functions longer than allowed: from the opening line to the closing brace at the same indentation. */
export function longFunctions(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const lines = file.text.split('\n');
    return lines.flatMap((line, start) => {
      const indent = opening.exec(line)?.[1];
      if (indent === undefined || notFunctions.test(line)) return [];
      const end = lines.findIndex((candidate, index) => index > start && candidate.startsWith(`${indent}}`));
      const length = end - start + 1;
      return length > maxFunctionLines ? [`${file.path}:${start + 1}: ${length} lines`] : [];
    });
  });
}

interface Banned {
  readonly pattern: RegExp;
  readonly why: string;
  /** Where it is allowed. */
  readonly except: (path: string) => boolean;
}

const inTests = (path: string): boolean => path.startsWith('test/') || path.endsWith('.test.ts');
const inBase = (path: string): boolean => path.startsWith('base/') || inTests(path);
const kernelFolders =
  /^(node-agent\/(runtime|image|network|proxy|volume)\/|deploy\/|base\/|test\/)|\.test\.ts$/;

export const banned: readonly Banned[] = [
  {
    pattern: /\bDate\.now\(|(?<!\.)\bsetTimeout\(|(?<!\.)\bsetInterval\(|\bMath\.random\(|performance\.now\(/,
    why: 'time and chance are injected',
    except: inBase,
  },
  { pattern: /(?<!\.)\bsetImmediate\(/, why: 'time and chance are injected', except: inBase },
  { pattern: /\bas any\b|: any\b|as unknown as/, why: 'hides a shape', except: () => false },
  {
    pattern: /biome-ignore|@ts-ignore|@ts-expect-error|@ts-nocheck/,
    why: 'switches a check off',
    except: () => false,
  },
  {
    pattern: /\b(?:it|test|describe)\.(?:skip|only|todo)\(/,
    why: 'skips or hides tests',
    except: () => false,
  },
  {
    pattern: /\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/,
    why: 'unfinished work needs an issue',
    except: () => false,
  },
  { pattern: /^export default\b/m, why: 'no default exports', except: (path) => path.endsWith('.config.ts') },
  { pattern: /^(?:export )?(?:const )?enum\b/m, why: 'no enums', except: () => false },
  {
    pattern: /from 'node:child_process'|['"`]\/(?:proc|sys)\//,
    why: 'only runtime, image, network, proxy and volume touch the kernel',
    except: (path) => !path.startsWith('node-agent/') || kernelFolders.test(path),
  },
  { pattern: /^export \* from/m, why: 'no barrels', except: () => false },
];

const bannedNames = /(?:^|\/)(?:index|util|utils|common|helpers?|lib|manager)(?:\.ts|\/)/;

export function bannedText(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [
    ...banned
      .filter((rule) => !rule.except(file.path) && rule.pattern.test(file.text))
      .map((rule) => `${file.path}: ${rule.pattern.exec(file.text)?.[0].trim()}: ${rule.why}`),
    ...(bannedNames.test(file.path) ? [`${file.path}: the name says nothing`] : []),
  ]);
}
