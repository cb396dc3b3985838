import type { Engagement, Question } from '../src/domain/decision.ts';
import { parseDuration } from '../src/domain/duration.ts';
import type { Member } from '../src/domain/person.ts';
import { isInSquad } from '../src/domain/squad.ts';

/**
 * An estate as large as the issue names it, written as people write theirs (compare `policies/acme`). All of it
 * follows from one seed, so that two runs measure the same.
 */

export const SERVICES = 100;
export const ACTIVITIES = 10;
export const TARGETS = 2_000;
const MSP = { squads: 100, people: 6_000 };
const CLIENT = { squads: 400, people: 4_000 };

/** Mulberry32: small, seeded, good enough to spread questions. */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const padded = (at: number, width = 3): string => String(at).padStart(width, '0');
const mspSquad = (at: number): string => `msp/ops-${padded(at % MSP.squads)}`;
const clientSquad = (at: number): string => `client/team-${padded(at % CLIENT.squads)}`;

const VERBS = [
  'restore',
  'patch',
  'deploy',
  'inspect',
  'rotate',
  'tune',
  'migrate',
  'contain',
  'audit',
  'resize',
];
export const SEVERITIES = ['sev1', 'sev2', 'sev3'];

function activityText(service: number, at: number): string {
  const number = service * ACTIVITIES + at;
  const lines = [
    `      ${VERBS[at]}:`,
    `        label: ${VERBS[at]![0]!.toUpperCase()}${VERBS[at]!.slice(1)} what service ${padded(service)} runs on`,
    `        R: [${mspSquad(number)}, ${mspSquad(number * 7 + 3)}]`,
    `        A: ${clientSquad(number)}                 # asked first`,
    `        A2: ${clientSquad(number * 3 + 1)}`,
    `        C: [${clientSquad(number * 5 + 2)}]`,
    `        I: [${mspSquad(number * 11 + 5)}]`,
    `        gives: { ssh: [root, deploy${at % 3 === 0 ? ', backup' : ''}]${at % 4 === 0 ? ', postgres: [restore_operator]' : ''} }`,
    `        for: ${1 + (at % 4)}h`,
    `        answer_within: 15m`,
  ];
  if (number % 2 === 0) lines.push('        ticket: required');
  if (number % 5 === 0) lines.push(`        escalate: [${clientSquad(number + 9)}]`);
  if (number % 10 === 1) lines.push('        when: { during: patch-window }');
  if (number % 20 === 7) lines.push(`        co_approve: [${clientSquad(number * 2 + 77)}]`);
  if (number % 10 === 3) lines.push('        answer: pre-approved', '        review_within: 72h');
  if (number % 5 === 4) {
    lines.push(
      '        handback:',
      '          - Service is up and its owner has checked it',
      '          - Monitoring is green',
    );
  }
  if (number % 4 === 0) {
    lines.push(
      '        exceptions:',
      '          - name: emergency',
      '            when: { severity: [sev1] }',
      '            answer: pre-approved',
      '            for: 1h',
      '            review_within: 24h',
      '          - name: year-end freeze',
      '            when: { during: year-end }',
      `            co_approve: [${clientSquad(number + 211)}]`,
    );
  }
  return lines.join('\n');
}

const serviceText = (at: number): string =>
  [
    `  service-${padded(at)}:`,
    `    label: Service ${padded(at)} and what belongs to it`,
    // The last one reaches across all, as a security team's does.
    at === SERVICES - 1
      ? '    targets: { regulated: [hipaa, nydfs] }'
      : `    targets: { service: service-${padded(at)} }`,
    `    runbook: https://wiki.client.example/runbooks/service-${padded(at)}`,
    '    activities:',
    ...Array.from({ length: ACTIVITIES }, (_, activity) => activityText(at, activity)),
  ].join('\n');

/** The text of `matrix.yaml`: 1,000 cells. */
export const matrixText = (): string =>
  [
    '# The responsibility matrix of one large engagement.',
    'matrix: estate',
    'version: "2026.11"',
    'change: CHG-1042',
    'review_by: 2027-02-20',
    'timezone: America/New_York',
    '',
    'parties:',
    '  msp:',
    '    name: Northwind MSP',
    '    issuer: https://login.northwind.example',
    '    squads:',
    ...Array.from({ length: MSP.squads }, (_, at) => `      ops-${padded(at)}: { group: ops-${padded(at)} }`),
    '  client:',
    '    name: Acme Health',
    '    issuer: https://login.acme.example',
    '    squads:',
    ...Array.from({ length: CLIENT.squads }, (_, at) =>
      at % 8 === 0
        ? `      team-${padded(at)}: { people: [${clientEmail(at)}, ${clientEmail(at + CLIENT.squads)}], primary: ${clientEmail(at)} }`
        : `      team-${padded(at)}: { group: team-${padded(at)}, primary: ${clientEmail(at)}, secondary: ${clientEmail(at + CLIENT.squads)} }`,
    ),
    '',
    'governance:',
    '  sign:     [client/team-000, msp/ops-000]',
    '  lockout:  [client/team-000, client/team-001]',
    '  auditors: [client/team-002]',
    '',
    'calendars:',
    '  business:     { weekly: "Mon-Fri 08:00-18:00" }',
    '  patch-window: { weekly: "Tue 20:00-23:30, Sun 01:00-05:00" }',
    '  year-end:     { from: 2026-12-18T00:00, to: 2027-01-04T06:00 }',
    '',
    'services:',
    ...Array.from({ length: SERVICES }, (_, at) => serviceText(at)),
    '',
    'rules:',
    '  - name: regulated production has two parties',
    '    when: { target: { environment: prod, regulated: [hipaa, nydfs] } }',
    '    require: { parties: differ, ticket: required, record: always }',
    '  - name: out of hours says why',
    '    when: { severity: [sev1, sev2] }',
    '    require: { ticket: required }',
    '',
  ].join('\n');

const SITES = ['newark', 'albany', 'buffalo'];

/** The text of `targets.yaml`: 2,000 hosts, twenty a service and twenty that one reaches across. */
export const targetsText = (): string =>
  [
    '# The inventory.',
    'targets:',
    ...Array.from({ length: TARGETS }, (_, at) =>
      [
        `  ${targetName(at)}:`,
        `    label: Host ${at} of service ${padded(at % (SERVICES - 1))}`,
        `    labels: { service: service-${padded(at % (SERVICES - 1))}, environment: ${at % 3 === 0 ? 'test' : 'prod'}${at % 10 === 0 ? ', regulated: [hipaa]' : ''}, site: ${SITES[at % SITES.length]} }`,
        `    ssh: { address: 10.${at >> 8}.${at & 255}.10:22, trust: ca }`,
        ...(at % 4 === 0
          ? [`    postgres: { address: 10.${at >> 8}.${at & 255}.10:5432, database: records }`]
          : []),
      ].join('\n'),
    ),
    '',
  ].join('\n');

const targetName = (at: number): string => `host-${padded(at, 4)}`;
const clientEmail = (at: number): string => `person-${padded(at, 4)}@acme.example`;

/** 10,000 people: the MSP's in one or two squads, the client's in one of ten people. */
export function everybody(): readonly Member[] {
  const roll = dice(7);
  const msp = Array.from({ length: MSP.people }, (_, at): Member => {
    const email = `engineer-${padded(at, 4)}@northwind.example`;
    const groups = [at, ...(roll(2) === 0 ? [roll(MSP.squads)] : [])];
    return {
      handle: email,
      party: 'msp',
      email,
      groups: groups.map(group => mspSquad(group).slice('msp/'.length)),
    };
  });
  const client = Array.from({ length: CLIENT.people }, (_, at): Member => {
    const email = clientEmail(at);
    return { handle: email, party: 'client', email, groups: [clientSquad(at).slice('client/'.length)] };
  });
  return Object.freeze([...msp, ...client]);
}

/** Questions as people ask them: most by somebody whose work it is, each third with something wrong. */
export function questions(engagement: Engagement, people: readonly Member[], count: number): Question[] {
  const roll = dice(11);
  const pick = <T>(from: readonly T[]): T => from[roll(from.length)]!;
  const hosts = Object.entries(engagement.targets.targets);
  const staff = new Map<string, Member[]>();
  const staffOf = (squad: string) => {
    const known = staff.get(squad) ?? people.filter(person => isInSquad(engagement, squad, person));
    staff.set(squad, known);
    return known;
  };
  const start = Date.parse('2026-11-23T00:00:00Z');
  return Array.from({ length: count }, (): Question => {
    const [target, { labels }] = pick(hosts);
    const service =
      roll(10) === 0 && labels.regulated ? `service-${padded(SERVICES - 1)}` : String(labels.service);
    const [name, activity] = pick(Object.entries(engagement.matrix.services[service]!.activities));
    const wrong = roll(3) === 0 ? roll(4) : null;
    const roles = activity.gives?.ssh as readonly string[];
    return {
      asker: wrong === 0 ? pick(people) : pick(staffOf(pick(activity.R))),
      target,
      activity: `${service}/${name}`,
      protocol: 'ssh',
      role: wrong === 1 ? 'oracle' : pick(roles),
      seconds: wrong === 2 ? 86_400 : Math.min(3_600, parseDuration(activity.for!)!),
      ticket: wrong === 3 ? null : 'CHG-2001',
      severity: roll(5) === 0 ? pick(SEVERITIES) : null,
      // Any minute of eight weeks: half of them before the freeze.
      at: start + roll(8 * 7 * 1_440) * 60_000,
    };
  });
}
