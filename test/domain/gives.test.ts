import { describe, expect, it } from 'vitest';
import { givesText } from '../../src/domain/explanation.ts';
import { isShortForm, rolesGiven, sshGives, sshLacks, sshNeeds, takesInput } from '../../src/domain/gives.ts';
import type { Gives } from '../../src/domain/matrix.ts';
import { ask, row } from './fixture.ts';

const none = { exec: false, forward: false, transfer: false, agent: false };

describe('what a cell gives over ssh', () => {
  it.each<[string, Gives | undefined, ReturnType<typeof sshGives>, string]>([
    ['nothing', undefined, { logins: [], ...none }, 'nothing'],
    ['only something else', { web: ['admin'] }, { logins: [], ...none }, 'web admin'],
    [
      'the short form',
      { ssh: ['root', 'backup'], postgres: ['reader'] },
      { logins: ['root', 'backup'], ...none, exec: true, transfer: true },
      'ssh root, ssh backup, postgres reader',
    ],
    [
      'the long form that names nothing',
      { ssh: { logins: ['root'] } },
      { logins: ['root'], ...none },
      'ssh root (shell alone)',
    ],
    [
      'the long form that says no',
      { ssh: { logins: ['root'], exec: false, transfer: false } },
      { logins: ['root'], ...none },
      'ssh root (shell alone)',
    ],
    [
      'the long form',
      { ssh: { logins: ['root', 'backup'], exec: true, forward: false, transfer: true, agent: false } },
      { logins: ['root', 'backup'], ...none, exec: true, transfer: true },
      'ssh root (shell, exec, transfer), ssh backup (shell, exec, transfer)',
    ],
  ])('%s', (_, gives, expected, text) => {
    const activity = { ...row, ...(gives ? { gives } : {}) };
    if (!gives) delete activity.gives;
    expect(sshGives(activity)).toEqual(expected);
    expect(rolesGiven(activity, 'ssh')).toEqual(expected.logins);
    expect(isShortForm(activity)).toBe(Array.isArray(gives?.ssh));
    expect(givesText({ id: 'data/fix', service: { targets: {}, activities: {} }, activity })).toBe(text);
  });

  it('decides alike in both forms, and says what it gives', () => {
    const long = ask({ row: { gives: { ssh: { logins: ['root'], exec: true } } } });
    expect(long.decision).toBe('needs-approval');
    expect(long.explanation).toContain('gives ssh root (shell, exec)');
    const other = ask({ row: { gives: { ssh: { logins: ['root'] } } } }, { role: 'logins' });
    expect(other.code).toBe('not-given');
    expect(other.explanation.join()).toContain('data/fix gives ssh root (shell alone)');
  });
});

describe('what a channel needs', () => {
  const both = ['exec', 'transfer'];
  it.each<[string, string | null, boolean, string[]]>([
    ['shell', null, true, []],
    // Whatever is piped into it is run, or kept.
    ['shell', null, false, both],
    ['subsystem', 'sftp', false, ['transfer']],
    ['subsystem', 'netconf', false, both],
    ['something-new', null, true, both],
    ['exec', null, false, both],
    ['exec', 'uptime', false, ['exec']],
    ['exec', 'systemctl status postgresql', true, ['exec']],
    ['exec', 'ls /etc/scp.d', false, ['exec']],
    ['exec', 'cat notes-about-rsyncing', false, ['exec']],
    ['exec', 'git status', false, ['exec']],
    ['exec', 'scp -t /tmp/x', false, ['transfer']],
    ['exec', '/usr/bin/scp -r -p -f -- /etc/app', false, ['transfer']],
    ['exec', 'scp -pt .', false, ['transfer']],
    ['exec', "scp -t 'my file'", false, ['transfer']],
    ['exec', '/bin/scp -qr -dt -v x', false, ['transfer']],
    ['exec', `scp -f${' -d'.repeat(5_000)} --  -x `, false, ['transfer']],
    // A command of any length is looked at once: word by word.
    ['exec', `scp -f${' -d'.repeat(300_000)}\x01`, false, both],
    ['exec', `scp${' -d'.repeat(300_000)} -f\x01`, false, both],
    ['exec', `git${' '.repeat(900_000)}x`, false, ['exec']],
    ['exec', 'scp -t', false, both],
    ['exec', 'scp -t ', false, both],
    ['exec', 'scp  -t x', false, both],
    ['exec', 'scp -tf x', false, both],
    ['exec', '/usr/scp -t x', false, both],
    ['exec', 'scp -t /tmp/x', true, both],
    ['exec', '/tmp/scp -t x', false, both],
    ['exec', 'scp -S /bin/sh -t x', false, both],
    ['exec', 'scp a b:', false, both],
    ['exec', 'scp -t x; bash -i', false, both],
    ['exec', 'scp -t $(bash -i)', false, both],
    ['exec', 'scp -t x\nbash', false, both],
    ['exec', 'cd /tmp && scp -t .', false, both],
    ['exec', "bash -c 'scp -t /tmp/x'", false, both],
    ['exec', 's"c"p -t /tmp/x', false, both],
    ['exec', 's\\cp -t /tmp/x', false, both],
    ['exec', 'exec SCP -t x', false, both],
    ['exec', 'rsync --server -vlogDtpre.iLsfxCIvu . /srv', false, both],
    ['exec', 'rsync --server --daemon --config=x .', false, both],
    ['exec', "git-upload-pack '/srv/app.git'", false, both],
    ['exec', "git receive-pack '/srv/app.git'", false, both],
    ['exec', '/usr/lib/openssh/sftp-server', false, both],
    ['exec', 'env -i sftp-server', false, both],
  ])('%s %.60j, pty %s', (kind, command, pty, expected) => {
    expect(sshNeeds({ kind, command, pty })).toEqual(expected);
  });

  it('is held against the cell; a command gets input only where transfer is given', () => {
    const exec = { kind: 'exec', command: 'cat', pty: false };
    const cases: [Gives, string[], boolean][] = [
      [{ ssh: ['root'] }, [], true],
      [{ ssh: { logins: ['root'] } }, ['exec'], false],
      [{ ssh: { logins: ['root'], exec: true } }, [], false],
      [{ ssh: { logins: ['root'], exec: true, transfer: true } }, [], true],
      [{ web: ['root'] }, ['exec'], false],
    ];
    for (const [gives, lacks, input] of cases) {
      expect(sshLacks({ gives }, sshNeeds(exec))).toEqual(lacks);
      expect(takesInput({ gives }, exec)).toBe(input);
      expect(takesInput({ gives }, { ...exec, pty: true })).toBe(true);
    }
  });
});
