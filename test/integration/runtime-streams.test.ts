import { existsSync, readFileSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecSession } from '../../node-agent/runtime/runtime.ts';
import { eventually } from '../support/eventually.ts';
import { startTestRuntime, type TestRuntime } from '../support/test-runtime.ts';

describe('streams of the embedded runtime', () => {
  let host: TestRuntime;
  let idle: string;

  beforeAll(async () => {
    host = await startTestRuntime();
    idle = await startContainer(['sleep', '1000']);
  });

  afterAll(async () => {
    await host.close();
  });

  async function startContainer(
    command: readonly string[],
    overrides: Parameters<TestRuntime['aContainer']>[1] = {},
  ): Promise<string> {
    const sandbox = await host.runtime.runPodSandbox(host.aSandbox());
    const id = await host.runtime.createContainer(sandbox.id, host.aContainer(command, overrides));
    await host.runtime.startContainer(id);
    return id;
  }

  /** All that comes on a stream, readable at any time. */
  function collected(stream: NodeJS.ReadableStream | undefined): () => string {
    let text = '';
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    return () => text;
  }

  function written(session: ExecSession, text: string): void {
    session.stdin?.write(text);
  }

  it('runs a command to its end and gives output and exit code apart', async () => {
    const result = await host.runtime.execSync(idle, ['sh', '-c', 'echo out; echo err >&2; exit 4'], 10_000);
    expect({ ...result, stdout: String(result.stdout), stderr: String(result.stderr) }).toEqual({
      exitCode: 4,
      stdout: 'out\n',
      stderr: 'err\n',
      timedOut: false,
    });
  });

  it('ends a command that takes too long, and the processes of it', async () => {
    const result = await host.runtime.execSync(idle, ['sleep', '777'], 150);
    expect(result.timedOut).toBe(true);
    await eventually(async () => expect((await host.runtime.containerStats(idle))?.pids).toBe(1));
  });

  it('cuts the output of a command at 64 KiB', async () => {
    const result = await host.runtime.execSync(idle, ['head', '-c', '300000', '/dev/zero'], 10_000);
    expect(result.stdout.length).toBe(64 * 1024);
    expect(result.exitCode).toBe(0);
  });

  it('carries stdin, stdout and stderr of a live command', async () => {
    const command = ['sh', '-c', 'cat; echo bye >&2; exit 5'];
    const session = await host.runtime.exec(idle, { command, stdin: true, tty: false });
    const out = collected(session.stdout);
    const err = collected(session.stderr);
    written(session, 'ping\n');
    await eventually(() => expect(out()).toBe('ping\n'));
    session.stdin?.end();
    expect(await session.exit).toBe(5);
    expect(err()).toBe('bye\n');
  });

  it('gives a command a terminal of the size asked for', async () => {
    const session = await host.runtime.exec(idle, { command: ['sh'], stdin: true, tty: true });
    const out = collected(session.stdout);
    await eventually(() => expect(out()).not.toBe(''));
    await eventually(() => {
      session.resize(33, 101);
      written(session, 'stty size\n');
      expect(out()).toContain('33 101');
    });
    written(session, 'exit 6\n');
    expect(await session.exit).toBe(6);
  });

  it('gives a command the size that was known before it, without another word', async () => {
    // crun sets the size beside the command, which may be quicker: so the command waits for it.
    const command = ['sh', '-c', 'until [ "$(stty size)" = "43 132" ]; do sleep 0.01; done'];
    const size = { rows: 43, columns: 132 };
    const session = await host.runtime.exec(idle, { command, stdin: false, tty: true, size });
    expect(await session.exit).toBe(0);
  });

  it('loses nothing of what the quickest commands say', async () => {
    for (let round = 0; round < 20; round += 1) {
      const session = await host.runtime.exec(idle, {
        command: ['sh', '-c', 'echo quick'],
        stdin: false,
        tty: true,
      });
      const out = collected(session.stdout);
      expect(await session.exit).toBe(0);
      expect(out()).toBe('quick\r\n');
    }
  });

  it('ends with its command although the client keeps the input of its terminal open', async () => {
    const command = ['sh', '-c', 'head -c 200000 /dev/zero; exit 7'];
    const session = await host.runtime.exec(idle, { command, stdin: true, tty: true });
    const out = collected(session.stdout);
    expect(await session.exit).toBe(7);
    expect(out().length).toBe(200_000);
  });

  it('outlives the end of the input of its terminal', async () => {
    const command = ['sh', '-c', 'read line; echo "got $line"; exit 8'];
    const session = await host.runtime.exec(idle, { command, stdin: true, tty: true });
    const out = collected(session.stdout);
    session.stdin?.end('word\n');
    expect(await session.exit).toBe(8);
    expect(out()).toContain('got word');
  });

  it('gives a terminal the last size that was asked for before its command began', async () => {
    const command = ['sh', '-c', 'until [ "$(stty size)" = "43 132" ]; do sleep 0.01; done'];
    const session = await host.runtime.exec(idle, { command, stdin: true, tty: true });
    session.resize(10, 20);
    session.resize(43, 132);
    expect(await session.exit).toBe(0);
  });

  it('kills a command that has not begun yet', async () => {
    for (const tty of [false, true]) {
      const session = await host.runtime.exec(idle, { command: ['sleep', '777'], stdin: false, tty });
      session.kill();
      expect(await session.exit).toBe(137);
    }
  });

  it('kills a live command', async () => {
    const session = await host.runtime.exec(idle, { command: ['sleep', '777'], stdin: false, tty: false });
    await eventually(async () => expect((await host.runtime.containerStats(idle))?.pids).toBe(2));
    session.kill();
    expect(await session.exit).toBe(137);
  });

  it('attaches to the main process, with stdout and stderr apart', async () => {
    const id = await startContainer(
      ['sh', '-c', 'while read line; do echo "o:$line"; echo "e:$line" >&2; done'],
      {
        stdin: true,
        stdinOnce: true,
      },
    );
    const session = await host.runtime.attach(id, { stdin: true, tty: false });
    const out = collected(session.stdout);
    const err = collected(session.stderr);
    await eventually(() => {
      written(session, 'one\n');
      expect(out()).toContain('o:one\n');
    });
    await eventually(() => expect(err()).toContain('e:one\n'));
    expect(out()).not.toContain('e:');
    session.stdin?.end();
    expect(await session.exit).toBe(0);
  });

  it('leaves when what it is attached to ends, although its input is open', async () => {
    const id = await startContainer(['sh', '-c', 'read line; echo "last $line"; exit 9'], { stdin: true });
    const session = await host.runtime.attach(id, { stdin: true, tty: false });
    const out = collected(session.stdout);
    const ended = new Promise((resolve) => session.stdout.once('end', resolve));
    written(session, 'word\n');
    expect(await session.exit).toBe(9);
    await ended;
    expect(out()).toBe('last word\n');
  });

  it('attaches to a terminal and sets its size', async () => {
    const id = await startContainer(['sh'], { stdin: true, tty: true });
    const session = await host.runtime.attach(id, { stdin: true, tty: true });
    const out = collected(session.stdout);
    await eventually(() => {
      session.resize(44, 99);
      written(session, 'stty size\n');
      expect(out()).toContain('44 99');
    });
    session.kill();
  });

  it('goes on in a new log file after rotation', async () => {
    const config = host.aSandbox();
    const sandbox = await host.runtime.runPodSandbox(config);
    const container = host.aContainer(['sh', '-c', 'while true; do echo tick; sleep 0.02; done']);
    const id = await host.runtime.createContainer(sandbox.id, container);
    await host.runtime.startContainer(id);
    const file = `${config.logDirectory}/${container.logPath}`;
    await eventually(() => expect(readFileSync(file, 'utf8')).toContain('tick'));
    renameSync(file, `${file}.old`);
    await host.runtime.reopenContainerLog(id);
    await eventually(() => expect(existsSync(file) && readFileSync(file, 'utf8')).toContain('stdout F tick'));
  });
});
