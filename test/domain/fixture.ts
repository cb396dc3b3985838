import {
  type Circumstances,
  type Decision,
  decide,
  type Engagement,
  type Question,
} from '../../src/domain/decision.ts';
import type { Activity, Matrix, Rule } from '../../src/domain/matrix.ts';
import type { Party } from '../../src/domain/party.ts';
import type { Member } from '../../src/domain/person.ts';
import type { Target } from '../../src/domain/target.ts';
import { engagementOf } from '../../src/matrices/read.ts';

/** A small engagement to bend in one place at a time. */
export const member = (
  handle: string,
  party: Party,
  groups: string[] = [],
  email: string | null = null,
): Member => ({
  handle,
  party,
  email,
  groups,
});

export const olga = member('olga', 'msp', ['ops']);
export const oskar = member('oskar', 'msp', ['ops']);
export const nina = member('nina', 'msp', ['night']);
export const ida = member('ida', 'client', ['it'], 'ida@client.example');
export const ivan = member('ivan', 'client', ['it'], 'ivan@client.example');
export const carl = member('carl', 'client', [], 'carl@client.example');
export const everybody = [olga, oskar, nina, ida, ivan, carl];

export const row: Activity = {
  R: ['msp/ops'],
  A: 'client/it',
  A2: 'client/chief',
  gives: { ssh: ['root'] },
  for: '2h',
  answer_within: '10m',
};

export const db: Target = {
  labels: { service: 'data', environment: 'prod' },
  ssh: { address: '10.0.0.1:22', trust: 'ca' },
};

export interface Bend {
  row?: Partial<Activity>;
  rules?: Rule[];
  matrix?: Partial<Matrix>;
  activities?: Record<string, Activity>;
  targets?: Record<string, Target>;
}

export function engagement(bend: Bend = {}): Engagement {
  return engagementOf(
    {
      matrix: 'tiny',
      version: '1',
      timezone: 'Europe/Berlin',
      parties: {
        msp: {
          name: 'Provider',
          issuer: 'https://msp.example',
          squads: { ops: { group: 'ops' }, night: { group: 'night' } },
        },
        client: {
          name: 'Client',
          issuer: 'https://client.example',
          squads: {
            it: { group: 'it', primary: 'ivan@client.example' },
            chief: { people: ['carl@client.example'] },
            empty: { group: 'nobody' },
          },
        },
      },
      governance: { sign: ['client/chief', 'msp/ops'], lockout: ['client/chief'], auditors: ['client/it'] },
      calendars: { day: { weekly: 'Mon-Fri 08:00-18:00' } },
      services: {
        data: {
          targets: { service: 'data' },
          activities: bend.activities ?? { fix: { ...row, ...bend.row } },
        },
      },
      ...(bend.rules ? { rules: bend.rules } : {}),
      ...bend.matrix,
    },
    { targets: bend.targets ?? { db, bare: { labels: {} } } },
  );
}

/** Tuesday noon in Berlin. */
export const NOON = Date.parse('2026-11-24T11:00:00Z');

export const question = (changes: Partial<Question> = {}): Question => ({
  asker: olga,
  target: 'db',
  activity: 'data/fix',
  protocol: 'ssh',
  role: 'root',
  seconds: 3600,
  ticket: null,
  severity: null,
  at: NOON,
  ...changes,
});

export const ask = (
  bend: Bend = {},
  changes: Partial<Question> = {},
  circumstances: Partial<Circumstances> = {},
): Decision =>
  decide(engagement(bend), question(changes), { people: everybody, lockedOut: false, ...circumstances });
