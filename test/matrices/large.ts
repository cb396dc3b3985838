import type { Engagement } from '../../src/domain/engagement.ts';
import type { Activity, Service, Squad } from '../../src/domain/matrix.ts';
import type { Target } from '../../src/domain/target.ts';
import { engagementOf } from '../../src/matrices/read.ts';

const MSP = [
  'backup-ops',
  'noc',
  'security-operations',
  'account',
  'service-desk',
  'field',
  'patching',
  'network',
];
const CLIENT = [
  'it',
  'ciso',
  'app-owner',
  'legal',
  'audit',
  'privacy-officer',
  'finance',
  'clinical-systems',
];

/** The size that a swimlane must stay readable at: services and activities without end, each a little different. */
export function large(services = 12, activities = 5): Engagement {
  const squads = (names: readonly string[]): Record<string, Squad> =>
    Object.fromEntries(names.map(name => [name, { group: name }]));
  const msp = (at: number) => `msp/${MSP[at % MSP.length]}`;
  const client = (at: number) => `client/${CLIENT[at % CLIENT.length]}`;
  const activity = (at: number): Activity => ({
    label: `Activity ${at} with a name that says what is done and to what`,
    R: at % 3 === 0 ? [msp(at), msp(at + 3), client(at)] : [msp(at)],
    A: client(at),
    ...(at % 7 === 0 ? {} : { A2: client(at + 1) }),
    ...(at % 2 === 0 ? { C: [client(at + 2), msp(at + 1)] } : {}),
    ...(at % 5 === 0 ? { I: [client(at), msp(at + 5), client(at + 4)] } : {}),
    ...(at % 4 === 0 ? { escalate: [client(at + 3), msp(at + 3)] } : {}),
    ...(at % 6 === 1 ? { co_approve: [client(at + 1)] } : {}),
    ...(at % 9 === 2 ? { answer: 'pre-approved', review_within: '24h' } : {}),
    ...(at % 4 === 1 ? { handback: ['All is well'] } : {}),
    ...(at % 8 === 3
      ? {
          exceptions: [
            {
              name: 'an emergency',
              when: { severity: ['sev1', 'sev2'] },
              answer: 'pre-approved',
              for: '30m',
            },
          ],
        }
      : {}),
    gives: { ssh: ['root', 'operator'], postgres: ['reader'] },
    for: '2h',
  });
  const service = (at: number): Service => ({
    label: `Service ${at}`,
    targets: { service: `s${at}` },
    activities: Object.fromEntries(
      Array.from({ length: activities }, (_, place) => [`a${place}`, activity(at * activities + place)]),
    ),
  });
  const targets: Record<string, Target> = Object.fromEntries(
    Array.from({ length: services + 3 }, (_, at) => [`host${at}`, { labels: { service: `s${at}` } }]),
  );
  return engagementOf(
    {
      matrix: 'large',
      version: '7',
      timezone: 'America/New_York',
      parties: {
        msp: { name: 'Northwind MSP', issuer: 'https://msp.example', squads: squads(MSP) },
        client: { name: 'Acme Health', issuer: 'https://client.example', squads: squads(CLIENT) },
      },
      governance: {
        sign: ['client/ciso', 'msp/account'],
        lockout: ['client/ciso'],
        auditors: ['client/audit'],
      },
      services: Object.fromEntries(Array.from({ length: services }, (_, at) => [`s${at}`, service(at)])),
    },
    { targets },
  );
}
