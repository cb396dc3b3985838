import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../../src/audit/verify.ts';
import { chain, events, file, recordedSession, workFolder } from './sample.ts';

const folder = workFolder();
const header = '{"version":2,"width":80,"height":24}\n';
const pieces = [`${header}[0.1,"o","a"]\n`, '[0.2,"o","bé"]\n', '[0.3,"o","c"]\n'];
const { cast, events: recorded } = recordedSession(pieces, 's_one');
const other = recordedSession([`${header}[9,"o","z"]\n`], 's_two').events;
const log = folder.write('log.ndjson', file(chain([...events(3), ...other, ...recorded, ...events(2)])));
const write = (name: string, content: string | Uint8Array) => folder.write(name, content);

describe('a recording', () => {
  it('is found by its hash, whatever it is called, and holds', async () => {
    const v = await verifyRecording(write('some name', cast), log);
    expect(v).toMatchObject({
      ok: true,
      session: 's_one',
      segments: 3,
      size: Buffer.byteLength(cast),
      rests_on: 9,
    });
    expect(v.findings).toEqual([]);
  });

  it.each([
    ['one byte in the second segment', cast.replace('bé', 'cé'), 'recording-changed', /segment 1/],
    ['one byte in the first segment', cast.replace('"a"', '"b"'), 'recording-changed', /segment 0/],
    ['its end cut inside a segment', cast.slice(0, -3), 'recording-cut', /segment 2/],
    ['its last segment missing', pieces.slice(0, 2).join(''), 'recording-cut', /segment 2/],
    ['something put behind it', `${cast}[0.4,"o","d"]\n`, 'recording-longer', /14 bytes/],
    ['all of it cut', '', 'recording-cut', /segment 0/],
  ])('with %s is refused', async (_, content, code, message) => {
    const v = await verifyRecording(write('s_one.cast', content), log);
    expect(v.session).toBe('s_one');
    expect(v.ok).toBe(false);
    expect(v.findings.map(f => f.code)).toContain(code);
    expect(v.findings.map(f => f.message).join()).toMatch(message);
  });

  it('that was changed under another name is found by its first segment', async () => {
    const v = await verifyRecording(write('renamed.cast', cast.replace('bé', 'cé')), log);
    expect(v).toMatchObject({ ok: false, session: 's_one' });
  });

  it('that another was put in the place of is refused', async () => {
    const v = await verifyRecording(write('s_one.cast', pieces.join('x')), log, { session: 's_one' });
    expect(v.ok).toBe(false);
    const foreign = await verifyRecording(write('unknown.cast', 'hello\n'), log);
    expect(foreign).toMatchObject({ ok: false, session: null });
    expect(foreign.findings.map(f => f.code)).toEqual(['recording-unknown']);
  });

  it('of a session that runs on is proven up to its last segment', async () => {
    const running = write('running.ndjson', file(chain(recorded.slice(0, 2))));
    const v = await verifyRecording(write('s_one.cast', cast), running);
    expect(v).toMatchObject({ ok: true, segments: 2 });
    expect(v.unknown.join()).toMatch(/last 14 bytes/);
  });

  it('whose log lacks a segment is refused', async () => {
    const gap = write('gap.ndjson', file(chain(recorded.toSpliced(1, 1))));
    const v = await verifyRecording(write('s_one.cast', cast), gap);
    expect(v.findings.map(f => f.code)).toEqual(['recording-gap']);
  });

  it('may have a segment logged twice', async () => {
    const twice = write('twice.ndjson', file(chain(recorded.toSpliced(1, 0, recorded[0]!))));
    expect((await verifyRecording(write('s_one.cast', cast), twice)).ok).toBe(true);
  });
});
