import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readClientConfiguration } from '../configuration.ts';
import { CAST, type CastName } from '../demo/cast.ts';
import { ensurePrograms, NEEDS } from '../demo/debian-packages.js';
import { raiseStage, type Stage } from '../demo/stage.ts';
import { playStory, type StepTold } from '../demo/story.ts';
import { lockData } from '../store/lock-data.ts';
import { stopSignal } from './serve.ts';

/**
 * `sallyport demo`: plays the story on real parts and stays up for somebody to click through. With `once` it ends
 * after the story, exit 0 only if every step held; with `json` standard output is one object a step.
 */
export async function demo({ once, json }: { once: boolean; json: boolean }): Promise<void> {
  const { data, ports } = readClientConfiguration();
  const folder = join(data, 'demo');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = await lockData(folder, 'demo');
  try {
    await clear(folder);
    await perform(folder, ports, once, json);
  } finally {
    release();
  }
}

/** Each demo starts afresh: what an earlier one made, and nothing else, goes. */
async function clear(folder: string): Promise<void> {
  const made = /^(broker|db01|keys|known_hosts|leaked|policies|tokens|restore.*|.*\.(cast|ndjson|txt))$/;
  for (const name of await readdir(folder)) {
    if (made.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function perform(
  folder: string,
  ports: { http: number; ssh: number },
  once: boolean,
  json: boolean,
): Promise<void> {
  const say = (text: string) => {
    if (!json) process.stdout.write(`${text}\n`);
  };
  const tell = ({ step, ok, detail }: StepTold) => {
    if (json) process.stdout.write(`${JSON.stringify({ step, ok, detail })}\n`);
    else say(`${ok ? '  ok  ' : 'FAILED'}  ${step}\n        ${detail}`);
  };
  let stage: Stage;
  try {
    // An ordinary user gets the demo's own small host instead of sshd; the client is needed all the same.
    ensurePrograms(process.getuid?.() === 0 ? [NEEDS.sshd, NEEDS.ssh, NEEDS.scp] : [NEEDS.ssh, NEEDS.scp]);
    stage = await raiseStage({
      folder,
      ports: { ...ports, msp: 4001, client: 4002, db01: 2201, chat: 8090 },
      showPasswords: true,
    });
  } catch (error) {
    tell({
      step: 'the-stage-stands',
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
    });
    process.exitCode = 1;
    return;
  }
  try {
    tell({ step: 'the-stage-stands', ok: true, detail: stageInWords(stage) });
    let held = true;
    for await (const told of playStory(stage)) {
      tell(told);
      held &&= told.ok;
    }
    if (!held) process.exitCode = 1;
    if (once) return;
    say(await invitation(stage, held));
    await stopSignal();
    say('Taking the stage down.');
  } finally {
    await stage.close();
  }
}

const stageInWords = ({ url, broker, providers, chat, db01 }: Stage): string =>
  [
    `broker ${url.href}`,
    `gateway localhost:${broker.ssh.port}`,
    `Northwind's sign-in ${providers.msp.issuer}`,
    `Acme's sign-in ${providers.client.issuer}`,
    `chat room ${chat.url}`,
    `db01 at ${db01.address}`,
  ].join(', ');

/** What somebody who has never seen this does next. */
async function invitation(stage: Stage, held: boolean): Promise<string> {
  const key = await stage.key('maya');
  const tokens = join(stage.folder, 'tokens');
  await mkdir(tokens, { recursive: true, mode: 0o700 });
  const people = Object.keys(CAST) as CastName[];
  for (const name of ['maya', 'noah', 'dana', 'ravi', 'audrey'] as const) {
    await writeFile(join(tokens, name), await stage.token(name), { mode: 0o600 });
  }
  const known = join(stage.folder, 'known_hosts');
  const passwords = people.map(name => {
    const { name: full, role, email, password } = stage.cast[name];
    return `  ${full.padEnd(17)} ${email.padEnd(26)} ${password}   ${role}`;
  });
  return `
${held ? 'Every step held.' : 'Not every step held; see above.'} The stage stays up; Ctrl-C takes it down.
The next demo starts afresh: what this one made goes.

Now you. One browser may be several people at once: open the menu at your name, "Sign in as somebody else too".
  1. Be Maya:   ${stage.url.href} (sign in as Northwind MSP) and ask for root on db01
  2. Be Dana:   ${stage.chat.url} (the chat room) open the link; be Dana by the menu at your name
  3. Be Maya:   ssh -i ${key} -p ${stage.broker.ssh.port} \\
                  -o UserKnownHostsFile=${known} -o StrictHostKeyChecking=accept-new root@db01@localhost
                (or scp -P ${stage.broker.ssh.port} with the same options, FILE root@db01@localhost:/tmp/)
  4. Be Audrey: ${new URL('/sessions', stage.url).href} and replay what happened

${passwords.join('\n')}

For scripts:  SALLYPORT_URL=${stage.url.origin} SALLYPORT_TOKEN=$(cat ${join(tokens, 'maya')}) npx sallyport requests
The log:      npx sallyport audit verify ${join(stage.folder, 'log.ndjson')} \\
                --checkpoint ${join(stage.folder, 'checkpoint.txt')} --key ${join(stage.folder, 'vkey.txt')}`;
}
