import { describe, expect, it } from 'vitest';
import { parseEnvFile } from './env-file.ts';

describe('an environment file', () => {
  it('has a variable a line, empty lines and remarks', () => {
    const text = "# first\n\nA=one\n  B = two words \r\nC='as  it\n#stands=' # more\nD=\nA=again";
    expect(Object.fromEntries(parseEnvFile(text))).toEqual({
      A: 'again',
      B: 'two words',
      C: 'as  it\n#stands=',
      D: '',
    });
  });

  it('is refused with the line that is none, and with a quote that has no end', () => {
    expect(() => parseEnvFile("A='1\n2'\nB\nC=3\n")).toThrow('line 3 of');
    expect(() => parseEnvFile('=1')).toThrow('line 1 of');
    expect(() => parseEnvFile("A='1\n")).toThrow('not closed');
  });
});
