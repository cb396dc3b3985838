import { createHash } from 'node:crypto';
import { verifyExport } from '../../src/audit/verify.ts';
import type { SoakStage } from './stage.ts';

/** One entry, as much as is looked at. */
export interface Entry {
  readonly action: string;
  readonly subject: string;
  readonly at: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the data of an action holds is for whoever looks at it
  readonly data: any;
}

/** Keeps what Audrey saw of the log outside of the broker's reach, and holds each later export against it. */
export class LogWatch {
  readonly #stage: SoakStage;
  readonly #lose: (loss: string) => void;
  #vkey = '';
  #seen = { bytes: 0, sha256: createHash('sha256').digest('hex') };
  #checkpoint: string | null = null;
  #text = '';
  checkpoints = 0;

  constructor(stage: SoakStage, lose: (loss: string) => void) {
    this.#stage = stage;
    this.#lose = lose;
  }

  get entries(): Entry[] {
    return this.#text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Entry);
  }

  get text(): string {
    return this.#text;
  }

  /** Takes a checkpoint and an export, and verifies both, also against the checkpoint and the bytes taken before. */
  async look(when: string): Promise<void> {
    const { people } = this.#stage;
    if (this.#vkey === '') this.#vkey = (await answered(people.api('audrey', 'GET', '/audit/key'))).json.vkey;
    const checkpoint = (await answered(people.api('audrey', 'GET', '/audit/checkpoint'))).text;
    const { text } = await answered(people.api('audrey', 'GET', '/audit'));
    const bytes = Buffer.from(text);
    const before = createHash('sha256').update(bytes.subarray(0, this.#seen.bytes)).digest('hex');
    if (before !== this.#seen.sha256) this.#lose(`${when}: lines that were seen before are gone or changed`);
    for (const note of this.#checkpoint === null ? [checkpoint] : [this.#checkpoint, checkpoint]) {
      const verified = await verifyExport(source(bytes), { checkpoint: { note, keys: [this.#vkey] } });
      this.checkpoints += 1;
      if (!verified.ok || verified.proven === null) {
        this.#lose(
          `${when}: the log does not verify: ${verified.findings.map(each => each.message).join('; ')}`,
        );
      }
    }
    this.#seen = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    this.#checkpoint = checkpoint;
    this.#text = text;
  }
}

async function answered<A extends { status: number; text: string }>(asked: Promise<A>): Promise<A> {
  const answer = await asked;
  if (answer.status !== 200) throw new Error(`Audrey was answered ${answer.status} ${answer.text}`);
  return answer;
}

async function* source(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
