import { readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { CastName } from './cast.ts';
import { openShell } from './live-shell.ts';
import { leak, replay, tamper, verifyOffline, withCredential } from './proofs.ts';
import { type Executed, execute, type Stage } from './stage.ts';
import { GREETING, hold, type Thread } from './thread.ts';

/** One step of the story, told as it happens. */
export interface StepTold {
  readonly step: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Seconds that the story's grant lasts: long enough for what it shows, short enough to be waited for. */
const GRANT_SECONDS = 25;
const REASON = 'Restore the patient table that the upgrade damaged';

type Scene = readonly [step: string, play: (stage: Stage, thread: Thread) => Promise<string>];

/**
 * Plays the story scene by scene. A scene that does not hold is told as such, and the rest that needs it fails
 * by itself: nothing is passed over.
 */
export async function* playStory(stage: Stage): AsyncGenerator<StepTold> {
  const thread: Thread = {
    request: '',
    grant: '',
    endsAt: 0,
    digest: '',
    shell: null,
    leaked: null,
    session: '',
  };
  try {
    for (const [step, play] of SCENES) {
      try {
        yield { step, ok: true, detail: await play(stage, thread) };
      } catch (error) {
        yield { step, ok: false, detail: error instanceof Error ? error.message : String(error) };
      }
    }
  } finally {
    thread.shell?.end();
  }
}

const question = (seconds: number) => ({
  target: 'db01',
  activity: 'backups/restore',
  ssh: 'root',
  for: `${seconds}s`,
  ticket: 'INC-7',
  reason: REASON,
});

const SCENES: readonly Scene[] = [
  [
    'maya-signs-in',
    async stage => {
      await stage.as('maya');
      const { json } = await stage.api('maya', 'GET', '/whoami');
      hold(
        json.engagements[0].squads.includes('msp/backup-ops'),
        `squads ${JSON.stringify(json.engagements)}`,
      );
      return `${json.name} is in ${json.engagements[0].squads.join(', ')} by her own provider's word`;
    },
  ],
  [
    'dana-pins-the-host-key',
    async stage => {
      const pinned = await stage.api('dana', 'POST', '/targets/db01/host-keys', {
        host_key: stage.db01.hostKeyLine,
      });
      hold(pinned.status === 200, `${pinned.status} ${pinned.text}`);
      return `db01 is the machine that shows ${pinned.json.fingerprint}`;
    },
  ],
  [
    'maya-without-a-grant-is-refused',
    async stage => {
      const knock = await ssh(stage, 'maya', ['true']);
      hold(knock.status !== 0, 'the gateway let her in without a grant');
      hold(
        knock.stderr.includes('sallyport request db01'),
        `the refusal does not say how to ask: ${knock.stderr}`,
      );
      return knock.stderr.trim().split('\n')[0]!.trim();
    },
  ],
  ['noah-is-refused', stage => refusedAs(stage, 'noah', 'not-responsible')],
  ['mallory-is-refused', stage => refusedAs(stage, 'mallory', 'not-responsible')],
  [
    'maya-asks',
    async (stage, thread) => {
      const asked = await stage.api('maya', 'POST', '/requests', question(20));
      hold(asked.status === 201, `${asked.status} ${asked.text}`);
      hold(asked.json.state === 'waiting', `state ${asked.json.state}`);
      thread.request = asked.json.id;
      return `waits for ${asked.json.decision.approvers.join(', ')}, by ${asked.json.cell}`;
    },
  ],
  [
    'the-chat-gets-a-link',
    async (stage, thread) => {
      const message = await stage.chat.waitFor(one =>
        one.links.some(link => link.url.endsWith(thread.request)),
      );
      hold(!message.text.includes(stage.cast.maya.password), 'the message holds a secret');
      return `${message.via} message in ${message.room}: ${message.text.split('\n')[0]}`;
    },
  ],
  [
    'maya-cannot-approve-herself',
    async (stage, thread) => {
      const { json: shown } = await stage.api('maya', 'GET', `/requests/${thread.request}`);
      const answer = await stage.api('maya', 'POST', `/requests/${thread.request}/approve`, {
        digest: shown.digest,
      });
      hold(answer.status === 403 && answer.json.code === 'own-request', `${answer.status} ${answer.text}`);
      return answer.json.title;
    },
  ],
  [
    'dana-reads-it-on-her-phone',
    async (stage, thread) => {
      const dana = await stage.as('dana');
      const page = await dana.open(new URL(`/r/${thread.request}`, stage.url));
      for (const told of [
        'Maya Okafor',
        'Northwind MSP',
        'root',
        'db01',
        REASON,
        'INC-7',
        'backups/restore',
      ]) {
        hold(page.html.includes(told), `her page does not say ${told}`);
      }
      const form = dana.form(/approve/i);
      thread.digest = form.fields.find(field => field.name === 'digest')?.value ?? '';
      return 'who, for what, where, why, for how long, and the cell that makes her the one to answer';
    },
  ],
  [
    'it-changes-under-her-eyes',
    async (stage, thread) => {
      const changed = await stage.api('maya', 'PATCH', `/requests/${thread.request}`, {
        for: `${GRANT_SECONDS}s`,
      });
      hold(changed.status === 200, `${changed.status} ${changed.text}`);
      const answer = await stage.api('dana', 'POST', `/requests/${thread.request}/approve`, {
        digest: thread.digest,
      });
      hold(answer.status === 409 && answer.json.code === 'moved', `${answer.status} ${answer.text}`);
      const { json: after } = await stage.api('dana', 'GET', `/requests/${thread.request}`);
      hold(after.state === 'waiting', `it is ${after.state} all the same`);
      return answer.json.title;
    },
  ],
  [
    'dana-approves-what-she-sees',
    async (stage, thread) => {
      const dana = await stage.as('dana');
      await dana.open(new URL(`/r/${thread.request}`, stage.url));
      await dana.submit(/approve/i, {}, /approve/i);
      const { json } = await stage.api('dana', 'GET', `/requests/${thread.request}`);
      hold(json.state === 'approved' && json.grant, `state ${json.state}`);
      thread.grant = json.grant.id;
      thread.endsAt = Date.parse(json.grant.ends_at);
      return `root on db01 until ${json.grant.ends_at}`;
    },
  ],
  [
    'maya-runs-a-command',
    async stage => {
      const ran = await ssh(stage, 'maya', [`echo "${GREETING}"; id -un; exit 3`]);
      // The stand-in for sshd runs everything as whoever started the demo.
      const login = stage.db01.kind === 'sshd' ? 'root' : userInfo().username;
      hold(ran.stdout === `${GREETING}\n${login}\n`, `saw ${JSON.stringify(ran)}`);
      hold(ran.status === 3, `exit status ${ran.status}`);
      return `as ${login}, through the gateway, with stock ssh; her exit status 3 came back`;
    },
  ],
  [
    'maya-copies-a-file',
    async stage => {
      const file = join(stage.folder, 'restore.sql');
      const back = join(stage.folder, 'restore-back.sql');
      const remote = `/tmp/sallyport-demo-${process.pid}.sql`;
      const content = Array.from({ length: 2000 }, (_, row) => `insert into records values (${row});\n`).join(
        '',
      );
      await writeFile(file, content);
      await rm(back, { force: true });
      const opts = await stage.sshOptions('maya');
      const where = `scp://${encodeURIComponent('root@db01')}@localhost:${stage.broker.ssh.port}/${remote}`;
      const sent = await execute('scp', [...opts, file, where]);
      hold(sent.status === 0, `scp: ${sent.stderr}`);
      const fetched = await execute('scp', [...opts, where, back]);
      await rm(remote, { force: true });
      hold(fetched.status === 0, `scp: ${fetched.stderr}`);
      hold((await readFile(back, 'utf8')) === content, 'what came back is not what was sent');
      return `${content.length} bytes there and back, the same`;
    },
  ],
  [
    'a-session-stays-open',
    async (stage, thread) => {
      thread.shell = await openShell(stage, 'maya');
      thread.shell.type('echo ready-$((40 + 2))\n');
      await thread.shell.sees(/ready-42/);
      const { json } = await stage.api('dana', 'GET', '/sessions?live=true');
      const live = json.sessions.find((one: { kind: string }) => one.kind === 'shell');
      hold(live !== undefined, 'Dana does not see it among the live sessions');
      thread.session = live.id;
      return 'Maya is at a prompt; Dana sees who is inside her estate';
    },
  ],
  ['a-leaked-credential-is-worth-nothing-elsewhere', leak],
  [
    'the-deadline-cuts',
    async (stage, thread) => {
      const shell = thread.shell;
      hold(shell !== null, 'there is no open session');
      const ended = await shell.ended;
      hold(
        /grant.*(ended|over)/i.test(shell.screen()),
        `the terminal does not say why: ${shell.screen().slice(-300)}`,
      );
      const session = await eventually(async () => {
        const { json } = await stage.api('dana', 'GET', `/sessions/${thread.session}`);
        return json.ended_at ? json : null;
      });
      hold(session.end_reason === 'deadline', `it ended by ${session.end_reason}`);
      hold(session.cut_delay_ms <= 1000, `it was cut ${session.cut_delay_ms} ms late`);
      return `cut ${session.cut_delay_ms} ms after the deadline; the client saw its end ${ended - thread.endsAt} ms after`;
    },
  ],
  [
    'a-new-session-is-refused',
    async stage => {
      const knock = await ssh(stage, 'maya', ['true']);
      hold(knock.status !== 0 && knock.stderr.includes('no live grant'), `saw ${JSON.stringify(knock)}`);
      return knock.stderr.trim().split('\n')[0]!.trim();
    },
  ],
  [
    'the-leaked-credential-is-dead',
    async (stage, thread) => {
      hold(thread.leaked !== null, 'nothing was leaked');
      const tried = await withCredential(stage, thread.leaked, []);
      hold(tried.status === 255, `sshd let it in: ${tried.stdout}`);
      return "the host refuses it even from the gateway's own address: the certificate ended with the grant";
    },
  ],
  ['audrey-replays', replay],
  ['the-log-verifies-offline', verifyOffline],
  ['a-tampered-log-is-refused', tamper],
];

async function refusedAs(stage: Stage, name: CastName, code: string): Promise<string> {
  const answer = await stage.api(name, 'POST', '/requests', question(GRANT_SECONDS));
  hold(answer.status === 403 && answer.json.code === code, `${answer.status} ${answer.text}`);
  return answer.json.title;
}

const ssh = async (stage: Stage, name: CastName, command: readonly string[]): Promise<Executed> =>
  execute('ssh', [...(await stage.sshOptions(name)), '-T', 'root@db01@localhost', ...command]);

/** Asks until there is an answer, at most ten seconds. */
async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  for (let left = 50; ; left--) {
    const answer = await ask();
    if (answer !== null) return answer;
    hold(left > 0, 'it did not come about within ten seconds');
    await new Promise(resolve => setTimeout(resolve, 200));
  }
}
