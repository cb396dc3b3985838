import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auditVerify } from '../cli/audit-verify.ts';
import { openSshPrivateKey } from './openssh-key.ts';
import { execute, options, type Stage } from './stage.ts';
import { GREETING, hold, type Thread } from './thread.ts';

/** The key and certificate of one session, as they would be had they leaked; the key was never on a disk before. */
export async function leak(stage: Stage, thread: Thread): Promise<string> {
  const { text } = await stage.api('audrey', 'GET', '/audit');
  const issued = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
    .filter(entry => entry.action === 'credential.issued' && entry.subject === thread.session);
  hold(issued.length === 1, `${issued.length} certificates of the session in the log`);
  const folder = join(stage.folder, 'leaked');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = join(folder, 'id_ed25519');
  const certificate = `${key}-cert.pub`;
  await writeFile(key, openSshPrivateKey(stage.sessionKeys.at(-1)!), { mode: 0o600 });
  await writeFile(certificate, `${issued[0].data.certificate}\n`);
  thread.leaked = { key, certificate };
  const here = await withCredential(stage, thread.leaked, []);
  hold(here.stdout === 'in\n', `the credential is no good at all, so nothing is shown: ${here.stderr}`);
  const elsewhere = await withCredential(stage, thread.leaked, ['-b', '127.0.0.2']);
  hold(elsewhere.status === 255, `sshd let it in from 127.0.0.2: ${elsewhere.stdout}`);
  return 'from 127.0.0.2 the host refuses it at once, while it is still valid';
}

/** Straight to the host, past the gateway. */
export const withCredential = (
  stage: Stage,
  { key, certificate }: NonNullable<Thread['leaked']>,
  extra: readonly string[],
) =>
  execute('ssh', [
    ...['-F', 'none', '-i', key, ...extra],
    ...options({
      CertificateFile: certificate,
      Port: stage.db01.port,
      IdentitiesOnly: 'yes',
      BatchMode: 'yes',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      ConnectTimeout: 10,
    }),
    'root@127.0.0.1',
    'echo in',
  ]);

export async function replay(stage: Stage, thread: Thread): Promise<string> {
  const audrey = await stage.as('audrey');
  const { json } = await stage.api('audrey', 'GET', '/sessions');
  const commands = json.sessions.filter((one: { kind: string }) => one.kind === 'exec');
  const page = await audrey.open(new URL(`/sessions/${thread.session}`, stage.url));
  hold(page.status === 200, `the replay page answers ${page.status}`);
  const casts: string[] = [];
  for (const session of json.sessions) {
    const answer = await audrey.ask(new URL(`/api/v1/sessions/${session.id}/recording`, stage.url));
    hold(answer.status === 200, `${answer.status} for the recording of ${session.id}`);
    const sha256 = createHash('sha256').update(answer.body).digest('hex');
    hold(sha256 === session.recording.sha256, `${session.id} is not what its hash says`);
    await writeFile(join(stage.folder, `${session.id}.cast`), answer.body);
    casts.push(answer.body.toString());
  }
  hold(
    casts.some(cast => cast.includes(GREETING)),
    'no recording shows what the command printed',
  );
  hold(
    casts.some(cast => cast.includes('ready-42')),
    'no recording shows the open session',
  );
  const refused = await stage.api('maya', 'GET', `/sessions/${commands[0].id}/recording`);
  hold(refused.status === 403, `Maya may fetch a recording: ${refused.status}`);
  return `${casts.length} recordings, each equal byte for byte to its hash; what Maya saw is in them`;
}

export async function verifyOffline(stage: Stage, thread: Thread): Promise<string> {
  const files = logFiles(stage);
  const key = await stage.api('audrey', 'GET', '/audit/key');
  const checkpoint = await stage.api('audrey', 'GET', '/audit/checkpoint');
  // Up to the checkpoint and no further: then it proves every line, the last one too.
  const log = await stage.api('audrey', 'GET', `/audit?to=${checkpoint.text.split('\n')[1]}`);
  await writeFile(files.log, log.text);
  await writeFile(files.checkpoint, checkpoint.text);
  await writeFile(files.key, `${key.json.vkey}\n`);
  const verified = await auditVerify(files.log, {
    checkpoint: files.checkpoint,
    key: files.key,
    recording: join(stage.folder, `${thread.session}.cast`),
  });
  hold(verified.code === 0, verified.out + verified.err);
  return `${log.text.trim().split('\n').length} entries, their tree and a recording, from files alone`;
}

export async function tamper(stage: Stage): Promise<string> {
  const { log, checkpoint, key } = logFiles(stage);
  const whole = await readFile(log, 'utf8');
  const lines = whole.trimEnd().split('\n');
  const file = join(stage.folder, 'tampered.ndjson');
  const middle = lines.findIndex(line => line.includes('"request.approved"'));
  const versions: Record<string, string> = {
    'one byte in the middle': joined(lines.map((line, at) => (at === middle ? flip(line) : line))),
    'one byte in the last line': joined(
      lines.map((line, at) => (at === lines.length - 1 ? flip(line) : line)),
    ),
    'a cut tail': joined(lines.slice(0, -1)),
    'a missing line': joined(lines.filter((_, at) => at !== middle)),
  };
  for (const [what, content] of Object.entries(versions)) {
    await writeFile(file, content);
    const verified = await auditVerify(file, { checkpoint, key });
    hold(verified.code === 1, `${what} went unseen`);
  }
  await rm(file);
  return `of ${lines.length} entries: ${Object.keys(versions).join(', ')}; each is seen`;
}

const logFiles = ({ folder }: Stage) => ({
  log: join(folder, 'log.ndjson'),
  checkpoint: join(folder, 'checkpoint.txt'),
  key: join(folder, 'vkey.txt'),
});

const joined = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
const flip = (line: string): string =>
  line.replace(/"subject":"(.)/, (_, first) => `"subject":"${first === 'x' ? 'y' : 'x'}`);
