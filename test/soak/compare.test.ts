import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chain, file } from '../audit/sample.ts';
import { compareLog, compareRecordings } from './compare.ts';
import { type Acknowledged, type Client, Ledger } from './ledger.ts';
import type { Entry } from './log-watch.ts';
import { placeSection, sectionOf } from './report.ts';

/** What a comparison finds: each case here is a loss that the soak must not pass over. */
function found(): { lose: (loss: string) => void; count: () => void; losses: string[] } {
  const losses: string[] = [];
  return { losses, lose: loss => losses.push(loss), count: () => {} };
}

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, second)).toISOString();
const entry = (action: string, subject: string, data: object = {}, second = 0): Entry => ({
  action,
  subject,
  at: at(second),
  data,
});
const opened = (grant: string, request: string) => entry('grant.opened', grant, { request, ends_at: at(10) });
const sound = [
  entry('request.submitted', 'req_1'),
  entry('request.approved', 'req_1'),
  opened('g_1', 'req_1'),
  entry('session.admitted', 's_1', { grant: 'g_1' }),
  entry('session.ended', 's_1', { reason: 'deadline', ended_at: at(10) }),
  entry('grant.ended', 'g_1', { reason: 'deadline', ended_at: at(10) }),
  entry('log.exported', 'tenant:acme', {}, 60),
];
const acknowledged: Acknowledged[] = [
  { what: 'request', id: 'req_1' },
  { what: 'approval', id: 'req_1' },
];
const without = (action: string) => sound.filter(each => each.action !== action);
const instead = (action: string, data: object) =>
  sound.map(each => (each.action === action ? { ...each, data } : each));

describe('the log against what was acknowledged', () => {
  it.each<readonly [string, readonly Entry[], RegExp | null]>([
    ['all there', sound, null],
    ['a request gone', without('request.submitted'), /acknowledged request of req_1 .* 0 times/],
    ['an approval gone', without('request.approved'), /acknowledged approval of req_1 .* 0 times/],
    ['an approval twice', [...sound, entry('request.approved', 'req_1')], /acknowledged approval .* 2 times/],
    ['two grants of one request', [...sound, opened('g_2', 'req_1')], /req_1 opened g_1 and g_2/],
    ['a session ended twice', [...sound, sound[4]!], /session.ended s_1 is in the log 2 times/],
    ['a message settled twice', [...sound, ...Array(2).fill(entry('message.delivered', 'msg_1'))], /msg_1/],
    ['a grant without its end', without('grant.ended'), /g_1 is over and its end is not logged/],
    ['a session without its end', without('session.ended'), /s_1 never ended/],
    [
      'a grant that ended late',
      instead('grant.ended', { reason: 'deadline', ended_at: at(11) }),
      /g_1 ended .*11.000Z in the place of .*10.000Z/,
    ],
    [
      'a session that outlived its grant',
      instead('session.ended', { reason: 'closed', ended_at: at(30) }),
      /s_1 ended .*, after its grant/,
    ],
  ])('%s', (_, entries, loss) => {
    const ledger = new Ledger();
    ledger.acknowledged.push(...acknowledged);
    const comparison = found();
    compareLog([...entries.filter(each => each.at !== at(60)), sound.at(-1)!], ledger, comparison);
    if (loss === null) expect(comparison.losses).toEqual([]);
    else expect(comparison.losses.join('\n')).toMatch(loss);
  });
});

describe('what clients saw against the recordings', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-compare-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const lines = (upTo: number) => Array.from({ length: upTo }, (_, i) => `soak1x ${i + 1}\n`).join('');
  const client = (change: Partial<Client>): Client => ({
    token: 'soak1x',
    kind: 'command',
    upTo: 4,
    stdout: `${lines(4)}soak1x end\n`,
    stderr: '',
    status: 0,
    startedAt: 0,
    endedAt: 1,
    grantEndsAt: null,
    ...change,
  });
  const whole = `${lines(4)}soak1x end\n`;

  it.each<readonly [string, string, Partial<Client>, RegExp | null]>([
    ['all of it', whole, {}, null],
    ['more than the client saw', `${whole}and more`, { stdout: lines(2), status: 255 }, null],
    ['less than the client saw', lines(2), {}, /stands in no recording/],
    ['something else', whole.replace('3', '8'), {}, /stands in no recording/],
    [
      'all of it, and a client with a gap',
      whole,
      { stdout: lines(4).replace('soak1x 2\n', '') },
      /saw 3 in the place of 2/,
    ],
    ['all of it, and a client that ended too early', whole, { stdout: lines(3) }, /saw 3 of 4 lines/],
  ])('%s', async (_, recorded, change, loss) => {
    const cast = [
      '{"version":2,"width":80,"height":24}',
      '[0.1, "m", "exec: for soak1x"]',
      ...recorded.split(/(?<=\n)/).map((text, i) => JSON.stringify([0.2 + i, 'o', text])),
      '',
    ].join('\n');
    const recording = join('acme', 's_1.cast');
    await mkdir(join(folder, 'recordings', 'acme'), { recursive: true });
    await writeFile(join(folder, 'recordings', recording), cast);
    const sha256 = createHash('sha256').update(cast).digest('hex');
    const size = Buffer.byteLength(cast);
    const gateway = { tenant: 'acme', actor: 'gateway:local', subject: 's_1' };
    const text = file(
      chain([
        { ...gateway, action: 'session.admitted', data: { recording } } as never,
        { ...gateway, action: 'recording.segment', data: { index: 0, offset: 0, length: size, sha256 } },
        {
          ...gateway,
          action: 'session.ended',
          data: { reason: 'closed', recording: { size, sha256, segments: 1 } },
        } as never,
      ]),
    ).toString();
    const entries = text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Entry);
    const comparison = found();
    await compareRecordings(
      folder,
      join(folder, 'recordings'),
      { text, entries },
      [client(change)],
      comparison,
    );
    if (loss === null) expect(comparison.losses).toEqual([]);
    else expect(comparison.losses.join('\n')).toMatch(loss);
  });
});

describe('SOAK.md', () => {
  const report = (title: string, losses: string[] = []) =>
    sectionOf(
      { title, done: 'This.', command: 'npm run soak', counts: [['rounds', 3]], losses },
      new Date(0),
    );

  it('has a section for each part, written anew in its place', () => {
    const first = placeSection('', report('One'));
    const both = placeSection(first, report('Two'));
    const again = placeSection(both, report('One', ['a thing']));
    expect(again.match(/^#+ .*/gm)).toEqual(['# Soak', '## One', '## Two']);
    expect(again).toContain('- a thing');
    expect(placeSection(again, report('One'))).toBe(both);
  });
});
