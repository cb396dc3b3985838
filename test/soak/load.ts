import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAnswer } from '../../src/demo/stage.ts';
import type { Client, Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { COLLEAGUES, type SoakName, type SoakStage } from './stage.ts';

export interface LoadSize {
  /** How many people come and go with short grants of their own. */
  readonly colleagues: number;
  /** How many of Maya's terminals are open at a time. */
  readonly terminals: number;
  /** How many of Maya's requests are under way at a time. */
  readonly requests: number;
}

interface Held {
  readonly id: string;
  readonly endsAt: number;
}

/** Maya and her colleagues at work: they ask, are answered, work at the host and give back, until told to stop. */
export class Load {
  readonly #stage: SoakStage;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #running = new Map<Client, ChildProcess>();
  #stopping = false;
  #work: Promise<unknown> = Promise.resolve();
  #count = 0;
  #long: Held | null = null;

  constructor(stage: SoakStage, random: Random, ledger: Ledger) {
    this.#stage = stage;
    this.#random = random;
    this.#ledger = ledger;
  }

  start(size: LoadSize): void {
    const times = (count: number, work: () => Promise<void>) =>
      Array.from({ length: count }, () => this.#over(work));
    this.#work = Promise.all([
      ...times(size.requests, () => this.#askAndSee()),
      ...times(size.terminals, () => this.#workAtTheHost()),
      ...COLLEAGUES.slice(0, size.colleagues).map(name => this.#over(() => this.#shortGrant(name))),
    ]);
    // What goes wrong is told by `stop`, when everything else is taken down in order.
    this.#work.catch(() => {});
  }

  /** Begins nothing new, and resolves when all clients have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#work;
  }

  /** The clients that run now. */
  running(): Client[] {
    return [...this.#running.keys()];
  }

  async #over(work: () => Promise<void>): Promise<void> {
    while (!this.#stopping) {
      await work();
      await sleep(this.#random.between(10, 150));
    }
  }

  #token(): string {
    this.#count += 1;
    return `soak${this.#count.toString().padStart(5, '0')}x${randomBytes(3).toString('hex')}`;
  }

  /** One call; null where no whole answer came, or one that says that something is away. */
  async #call(name: SoakName, method: string, path: string, body?: unknown): Promise<ApiAnswer | null> {
    const answer = await this.#stage.people.api(name, method, path, body).catch(() => null);
    if (answer !== null && answer.status < 500) return answer;
    this.#ledger.unanswered += 1;
    await sleep(this.#random.between(50, 250));
    return null;
  }

  /** Asks; the id, or null where nobody knows whether it was taken. */
  async #ask(name: SoakName, seconds: number, severity?: string): Promise<string | null> {
    const reason = this.#token();
    this.#ledger.asked.set(reason, null);
    const asked = await this.#call(name, 'POST', '/requests', {
      target: 'db01',
      activity: 'backups/restore',
      ssh: 'root',
      for: `${seconds}s`,
      ticket: 'INC-7',
      reason,
      ...(severity ? { severity } : {}),
    });
    if (asked === null) return null;
    if (asked.status === 429) {
      await sleep(1_000);
      return null;
    }
    if (asked.status !== 201) {
      this.#ledger.odd.push(`asking was answered ${asked.status} ${asked.text}`);
      return null;
    }
    this.#ledger.asked.set(reason, asked.json.id);
    this.#ledger.acknowledged.push({ what: 'request', id: asked.json.id });
    return asked.json.id;
  }

  /** Repeats until there is an answer: what was done by an earlier try, whose answer was lost, shows as a conflict. */
  async #until(
    what: 'approval' | 'denial' | 'withdrawal' | 'revocation' | 'handback',
    id: string,
    go: () => Promise<ApiAnswer | null>,
  ): Promise<void> {
    let lost = false;
    while (!this.#stopping) {
      const answer = await go();
      if (answer === null) {
        lost = true;
        continue;
      }
      if (answer.status === 200) this.#ledger.acknowledged.push({ what, id });
      else if (answer.status === 429) {
        await sleep(500);
        continue;
      } else if (!lost || answer.status !== 409) {
        this.#ledger.odd.push(`${what} of ${id} was answered ${answer.status} ${answer.text}`);
      }
      return;
    }
  }

  #answer(id: string, verb: 'approve' | 'deny'): Promise<void> {
    const who = this.#random.pick(['dana', 'ravi'] as const);
    return this.#until(verb === 'approve' ? 'approval' : 'denial', id, async () => {
      const shown = await this.#call(who, 'GET', `/requests/${id}`);
      if (shown === null || shown.status !== 200) return shown;
      const { digest } = shown.json;
      const words = verb === 'deny' ? { reason: 'not today' } : {};
      return this.#call(who, 'POST', `/requests/${id}/${verb}`, { digest, ...words });
    });
  }

  async #grantOf(name: SoakName, id: string): Promise<Held | null> {
    while (!this.#stopping) {
      const shown = await this.#call(name, 'GET', `/requests/${id}`);
      if (shown === null) continue;
      const grant = shown.json?.grant;
      return grant ? { id: grant.id, endsAt: Date.parse(grant.ends_at) } : null;
    }
    return null;
  }

  async #elevate(name: SoakName, seconds: number): Promise<Held | null> {
    const urgent = this.#random.chance(0.3);
    const id = await this.#ask(name, seconds, urgent ? 'sev1' : undefined);
    if (id === null) return null;
    if (!urgent) await this.#answer(id, 'approve');
    return this.#grantOf(name, id);
  }

  #end(grant: Held, how: 'revoke' | 'handback', holder: SoakName): Promise<void> {
    const who = how === 'revoke' ? this.#random.pick(['dana', 'ravi'] as const) : holder;
    return this.#until(how === 'revoke' ? 'revocation' : 'handback', grant.id, () =>
      this.#call(who, 'POST', `/grants/${grant.id}/${how}`, {}),
    );
  }

  async #askAndSee(): Promise<void> {
    const fate = this.#random.pick(['approve', 'approve', 'deny', 'withdraw', 'leave', 'revoke'] as const);
    const id = await this.#ask('maya', this.#random.between(3, 12));
    if (id === null || fate === 'leave') return;
    if (fate === 'deny') return this.#answer(id, 'deny');
    if (fate === 'withdraw') {
      return this.#until('withdrawal', id, () => this.#call('maya', 'POST', `/requests/${id}/withdraw`, {}));
    }
    await this.#answer(id, 'approve');
    if (fate !== 'revoke') return;
    const grant = await this.#grantOf('maya', id);
    if (grant) await this.#end(grant, 'revoke', 'maya');
  }

  /** A session that outlasts its grant, which ends by the clock, by Dana or by its holder. */
  async #shortGrant(name: (typeof COLLEAGUES)[number]): Promise<void> {
    const grant = await this.#elevate(name, this.#random.between(3, 9));
    if (grant === null) return;
    const session = this.#client(name, 'long', 100_000, grant.endsAt);
    const fate = this.#random.pick(['deadline', 'deadline', 'revoke', 'handback'] as const);
    if (fate !== 'deadline') {
      await sleep(this.#random.between(200, 2_000));
      await this.#end(grant, fate, name);
    }
    await session;
    // The next grant is to be the only one that it could use.
    await sleep(Math.max(0, grant.endsAt - Date.now()));
  }

  async #workAtTheHost(): Promise<void> {
    if (this.#long === null || this.#long.endsAt - Date.now() < 120_000) {
      this.#long = await this.#elevate('maya', 3_600);
      if (this.#long === null) return;
    }
    const kind = this.#random.pick([
      'command',
      'command',
      'command',
      'shell',
      'shell',
      'flood',
      'copy',
    ] as const);
    const upTo = kind === 'flood' ? this.#random.between(2_000, 20_000) : this.#random.between(5, 80);
    await this.#client('maya', kind, upTo, null);
  }

  /** Runs a client to its end. What it prints is `TOKEN 1`, `TOKEN 2` … `TOKEN end`. */
  async #client(
    name: SoakName,
    kind: Client['kind'],
    upTo: number,
    grantEndsAt: number | null,
  ): Promise<void> {
    const token = this.#token();
    const client: Client = {
      token,
      kind,
      upTo,
      stdout: '',
      stderr: '',
      status: null,
      startedAt: Date.now(),
      endedAt: 0,
      grantEndsAt,
    };
    const options = await this.#stage.people.sshOptions(name);
    if (kind === 'copy') return this.#copy(client, options);
    const counted = `i=0; while [ $i -lt ${upTo} ]; do i=$((i+1)); echo ${token} $i; sleep 0.04; done; echo ${token} end`;
    const flooded = `seq -f '${token} %.0f' 1 ${upTo}; echo ${token} end`;
    const command = kind === 'flood' ? flooded : counted;
    const args =
      kind === 'shell'
        ? [...options, '-tt', 'root@db01@localhost']
        : [...options, '-T', 'root@db01@localhost', command];
    await this.#run(client, 'ssh', args, kind === 'shell' ? `${command}; exit\n` : null);
  }

  async #copy(client: Client, options: readonly string[]): Promise<void> {
    const [there, back] = [
      join(this.#stage.folder, client.token),
      join(this.#stage.folder, `${client.token}.back`),
    ];
    const remote = `/tmp/${client.token}`;
    const content = randomBytes(200_000);
    await writeFile(there, content);
    const where = `scp://${encodeURIComponent('root@db01')}@localhost:${this.#stage.gatewayPort}/${remote}`;
    await this.#run(client, 'scp', [...options, '-q', there, where], null);
    if (client.status === 0) {
      const again: Client = { ...client, stdout: '', stderr: '', status: null, startedAt: Date.now() };
      await this.#run(again, 'scp', [...options, '-q', where, back], null);
      const came = again.status === 0 ? await readFile(back) : null;
      if (came && !came.equals(content))
        this.#ledger.odd.push(`the copy ${client.token} came back otherwise`);
    }
    for (const file of [there, back, remote]) await rm(file, { force: true });
  }

  #run(client: Client, program: string, args: readonly string[], input: string | null): Promise<void> {
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ledger.clients.push(client);
    this.#running.set(client, child);
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      client.stdout += text;
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      client.stderr = (client.stderr + text).slice(-4_000);
    });
    child.stdin.on('error', () => {});
    if (input === null) child.stdin.end();
    else child.stdin.write(input);
    return new Promise(resolve => {
      child.once('close', code => {
        client.status = code ?? 255;
        client.endedAt = Date.now();
        this.#running.delete(client);
        // Nobody there: a person would not try again at once either.
        if (client.status !== 0 && client.stdout === '') setTimeout(resolve, 400);
        else resolve();
      });
    });
  }
}
