import { describe, expect, it } from 'vitest';
import { DetectorAnswers } from './detector-answers.ts';

const unitsPerSecond = 200;

describe('DetectorAnswers', () => {
  it('gives the least that the detectors have said', () => {
    const answers = new DetectorAnswers();
    expect(answers.leastVersion(100)).toBeUndefined();
    answers.hear('a', { sequence: 100, leastVersion: 512 }, 100);
    answers.hear('b', { sequence: 100, leastVersion: 256 }, 100);
    expect(answers.leastVersion(100)).toBe(256);
  });

  it('leaves a detector out that has stopped answering', () => {
    const answers = new DetectorAnswers();
    answers.hear('a', { sequence: 100, leastVersion: 256 }, 100);
    const later = 100 + 2 * unitsPerSecond;
    answers.hear('b', { sequence: later, leastVersion: 512 }, later);
    expect(answers.leastVersion(later)).toBe(512);
  });

  it('believes no answer to a beat that was not sent, or long ago', () => {
    const answers = new DetectorAnswers();
    expect(answers.hear('a', { sequence: 101, leastVersion: 512 }, 100)).toBe(false);
    expect(answers.hear('a', { sequence: 100, leastVersion: 512 }, 100 + 2 * unitsPerSecond)).toBe(false);
    expect(answers.leastVersion(100)).toBeUndefined();
  });

  it('follows the least version down for a newer beat, and ignores what was overtaken', () => {
    const answers = new DetectorAnswers();
    answers.hear('a', { sequence: 100, leastVersion: 512 }, 110);
    expect(answers.hear('a', { sequence: 100, leastVersion: 256 }, 110)).toBe(false);
    expect(answers.hear('a', { sequence: 110, leastVersion: 256 }, 110)).toBe(true);
    expect(answers.hear('a', { sequence: 100, leastVersion: 640 }, 110)).toBe(false);
    expect(answers.leastVersion(110)).toBe(256);
  });
});
