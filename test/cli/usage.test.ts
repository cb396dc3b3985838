import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sshArguments } from '../../src/cli/ssh.ts';
import { openKeyring } from '../../src/credentials/seal.ts';
import { sallyport, TOKEN } from './broker.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));

describe('a wrong call ends with 2 and one line', () => {
  it.each([
    ['an unknown command', ['aprove', 'r_1']],
    ['an unknown option', ['requests', '--mien']],
    ['a missing argument', ['show']],
    ['no duration', ['request', 'db01', '--ssh', 'root', '--reason', 'x']],
    ['a duration that is none', ['request', 'db01', '--ssh', 'root', '--for', 'long', '--reason', 'x']],
    ['two protocols', ['request', 'db01', '--ssh', 'root', '--web', 'admin', '--for', '1h', '--reason', 'x']],
    ['no protocol', ['request', 'db01', '--for', '1h', '--reason', 'x']],
    ['no reason', ['request', 'db01', '--ssh', 'root', '--for', '1h']],
    ['an unknown state', ['requests', '--state', 'lost']],
    ['an id that is none', ['show', '../audit']],
    ['an argument too many', ['whoami', 'me']],
    ['a fingerprint that is none', ['keys', 'remove', 'abc']],
    ['a shell that is unknown', ['completion', 'tcsh']],
    ['a party that is none', ['login', '--party', 'both']],
    ['logout with a token that login did not get', ['logout']],
    ['a folder without a matrix', ['matrix', 'check', '/nowhere']],
    ['a time that is none', ['matrix', 'check', 'policies', '--at', 'soon']],
    ['a tenant that is not there', ['matrix', 'test', 'policies', '--tenant', 'nobody']],
    ['two forms of one answer', ['matrix', 'check', 'policies', '--json', '--sarif']],
    ['an expectation that is not there', ['matrix', 'test', 'policies', '--only', 'nothing of it']],
    ['a file that is not there', ['audit', 'verify', '/nowhere/log.ndjson']],
  ])('%s', async (_, argv) => {
    const { code, out, err } = await sallyport(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^sallyport: [^\n]+\n$/);
  });

  it.each([
    [['matri'], 'matrix'],
    [['matrx', 'check'], 'matrix'],
    [['aprove', 'r_1'], 'approve'],
    [['matrix', 'chek'], 'check'],
  ])('a slip in a name: %j', async (argv, meant) => {
    expect((await sallyport(argv)).err).toContain(`Did you mean ${meant}?`);
  });

  it('help and version are no errors', async () => {
    for (const argv of [['--help'], ['keys', '--help'], ['help', 'approve'], ['--version']]) {
      const { code, out, err } = await sallyport(argv);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).not.toBe('');
    }
    const help = (await sallyport(['--help'])).out;
    expect(help).toContain('matrix');
    expect(help.split('\n').filter(line => line.length > 80)).toEqual([]);
    expect((await sallyport([])).code).toBe(2);
  });
});

describe('completion', () => {
  it('parses in bash and completes', async () => {
    const { out } = await sallyport(['completion', 'bash']);
    const file = join(folder, 'completion.bash');
    writeFileSync(file, out);
    execFileSync('bash', ['-n', file]);
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '-c',
        `source ${file}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sallyport; echo "\${COMPREPLY[*]}"`,
        'bash',
        ...words,
      ])
        .toString()
        .trim();
    expect(complete('sallyport', 'app')).toBe('approve');
    expect(complete('sallyport', 'keys', '')).toBe('add list remove --help');
    expect(complete('sallyport', 'request', 'db01', '--sev')).toBe('--severity');
  });

  it('names every command in zsh and fish', async () => {
    for (const shell of ['zsh', 'fish']) {
      const { code, out } = await sallyport(['completion', shell]);
      expect(code).toBe(0);
      for (const word of ['approve', 'matrix', 'lockout', 'dry-run']) expect(out).toContain(word);
    }
  });
});

describe('seal', () => {
  it('seals what comes in, without its last line break, for the configuration', async () => {
    const { code, out, err } = await sallyport(['seal'], { input: 'hunter2\n', data: folder });
    expect(code).toBe(0);
    expect(out).toMatch(/^sp1\./);
    expect(out + err).not.toContain('hunter2');
    const keyring = await openKeyring({ key: null, file: join(folder, 'keys', 'sealing.key') });
    expect(keyring.unseal(out.trim(), 'configuration').toString()).toBe('hunter2');
  });

  it('takes no argument and nothing empty', async () => {
    expect((await sallyport(['seal', 'hunter2'])).code).toBe(2);
    expect((await sallyport(['seal'], { input: '\n' })).code).toBe(2);
  });
});

describe('ssh', () => {
  const url = new URL('https://broker.example');

  it('points the stock ssh at the gateway', () => {
    expect(sshArguments(url, 'root@db01', [], {})).toEqual(['-p', '2222', '--', 'root@db01@broker.example']);
    expect(sshArguments(url, 'root@db01', ['id', '-u'], { tenant: 'acme', gateway: '[::1]:22' })).toEqual([
      '-p',
      '22',
      '--',
      'root@db01.acme@::1',
      'id',
      '-u',
    ]);
  });

  it.each(['db01', '-oProxyCommand=x@db01', 'root@-x', 'root@db01@elsewhere', 'ro ot@db01'])(
    'refuses %s',
    bad => {
      expect(() => sshArguments(url, bad, [], {})).toThrow(/is not LOGIN@TARGET/);
    },
  );

  it.each([
    ['exit 7', 7],
    ['exit 255', 3],
  ])('as a program: "%s" there ends with %i', async (does, code) => {
    const bin = mkdtempSync(join(folder, 'bin-'));
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\necho "$@" > ${bin}/args\n${does}\n`);
    chmodSync(join(bin, 'ssh'), 0o755);
    const child = spawn(process.execPath, [PROGRAM, 'ssh', 'root@db01', 'ls', '-la'], {
      env: { PATH: bin, SALLYPORT_URL: 'http://localhost:8080', SALLYPORT_TOKEN: TOKEN },
    });
    expect(await new Promise(resolve => child.once('exit', resolve))).toBe(code);
    expect(readFileSync(join(bin, 'args'), 'utf8')).toBe('-p 2222 -- root@db01@localhost ls -la\n');
  });
});
