import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Segment, SessionEnding } from '../../recorder/control-plane.ts';
import type { House } from './house.ts';

export interface Cast {
  readonly header: { version: number; width: number; height: number; timestamp: number; title: string };
  readonly events: readonly (readonly [number, string, string])[];
  /** All of one kind, joined. */
  text(code: string): string;
  readonly markers: readonly string[];
}

export function readCast(bytes: Buffer): Cast {
  const lines = bytes.toString('utf8').split('\n');
  expect(lines.pop()).toBe('');
  const [header, ...events] = lines.map(line => JSON.parse(line));
  return {
    header,
    events,
    text: code =>
      events
        .filter(event => event[1] === code)
        .map(event => event[2])
        .join(''),
    markers: events.filter(event => event[1] === 'm').map(event => event[2]),
  };
}

/** Reads the recording of an ended session, after checking it against what the control plane was told. */
export function checkedCast(house: House, ending: SessionEnding): Cast {
  const path = join(house.recordings, `acme/2026/11/${ending.session}.cast`);
  const bytes = readFileSync(path);
  const sha256 = (part: Buffer) => createHash('sha256').update(part).digest('hex');
  expect(ending.recording).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
  const segments = house.controlPlane.segments.filter(
    (segment: Segment) => segment.session === ending.session,
  );
  expect(segments.map(segment => segment.index)).toEqual(segments.map((_, at) => at));
  expect(ending.recording!.segments).toBe(segments.length);
  let offset = 0;
  for (const segment of segments) {
    expect(segment.offset).toBe(offset);
    expect(segment.sha256).toBe(sha256(bytes.subarray(offset, offset + segment.length)));
    offset += segment.length;
  }
  expect(offset).toBe(bytes.length);
  const cast = readCast(bytes);
  expect(cast.header.version).toBe(2);
  const times = cast.events.map(event => event[0]);
  expect([...times].sort((a, b) => a - b)).toEqual(times);
  return cast;
}
