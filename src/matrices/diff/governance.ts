import { PARTIES } from '../../domain/party.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, type Kind, listed, withPeople } from './lines.ts';
import { PROTOCOLS, type Side, same, without } from './side.ts';

/** Who speaks for a party at all: everything that its squads may do follows from that. */
export function partyFacts(before: Side, after: Side): Fact[] {
  return PARTIES.flatMap(party => {
    const [was, is] = [before, after].map(side => side.engagement.matrix.parties[party]) as [
      Side['engagement']['matrix']['parties']['msp'],
      Side['engagement']['matrix']['parties']['msp'],
    ];
    const fact = (kind: Kind, key: 'issuer' | 'claims', words: string): Fact => ({
      kind,
      topic: 'party',
      weight: 100,
      squads: Object.keys(is.squads).map(squad => `${party}/${squad}`),
      before: was[key],
      after: is[key],
      paths: [pointer('matrix', 'parties', party, key)],
      say: () => words,
    });
    const facts: Fact[] = [];
    if (was.issuer !== is.issuer) {
      facts.push(
        fact(
          'gains',
          'issuer',
          `whoever signs in at ${is.issuer} speaks for ${is.name} (${party}), in all its squads`,
        ),
        fact(
          'loses',
          'issuer',
          `whoever signs in at ${was.issuer} no longer speaks for ${was.name} (${party})`,
        ),
      );
    }
    const claims = (entry: typeof was) =>
      Object.entries(entry.claims ?? {}).map(([name, value]) => `${name}: ${value}`);
    const [more, less] = [without(claims(is), claims(was)), without(claims(was), claims(is))];
    if (less.length > 0) {
      const words = `people of ${is.issuer} speak for ${is.name} (${party}) also without ${listed(less)}`;
      facts.push(fact('gains', 'claims', words));
    }
    if (more.length > 0) {
      const words = `people of ${is.issuer} speak for ${is.name} (${party}) only with ${listed(more)}`;
      facts.push(fact('loses', 'claims', words));
    }
    return facts;
  });
}

const RIGHTS = [
  ['sign', 'sign new versions'],
  ['lockout', 'shut the MSP out'],
  ['auditors', 'replay and export'],
] as const;

export function governanceFacts(before: Side, after: Side): Fact[] {
  const [was, is] = [before.engagement.matrix.governance, after.engagement.matrix.governance];
  const fact = (kind: Kind, key: (typeof RIGHTS)[number][0], squads: string[], words: string): Fact => {
    const side = kind === 'gains' ? after : before;
    const people = [...new Set(squads.flatMap(squad => side.members(squad)))];
    return {
      kind,
      topic: 'governance',
      weight: 82,
      squads,
      people,
      before: was[key],
      after: is[key],
      paths: [pointer('matrix', 'governance', key)],
      say: () => `${withPeople(squads, people)} ${words}`,
    };
  };
  const facts = RIGHTS.flatMap(([key, words]) => {
    const [more, less] = [without(is[key], was[key]), without(was[key], is[key])];
    return [
      ...(more.length > 0 ? [fact('gains', key, more, `may now ${words}`)] : []),
      ...(less.length > 0 ? [fact('loses', key, less, `may no longer ${words}`)] : []),
    ];
  });
  if (was.lockout[0] === is.lockout[0]) return facts;
  return [
    ...facts,
    fact('gains', 'lockout', [is.lockout[0]!], 'may now lift a lockout'),
    fact('loses', 'lockout', [was.lockout[0]!], 'may no longer lift a lockout'),
  ];
}

/** What stands behind a target's name. Another address is access to another host. */
export function targetFacts(before: Side, after: Side): Fact[] {
  const earlier = before.engagement.targets.targets;
  return Object.entries(after.engagement.targets.targets).flatMap(([name, is]) => {
    const was = Object.hasOwn(earlier, name) ? earlier[name]! : null;
    if (!was) return [];
    return PROTOCOLS.flatMap((protocol): Fact[] => {
      const [one, other] = [was[protocol], is[protocol]] as unknown as [Ends | undefined, Ends | undefined];
      if (!one || !other) return [];
      const fact = (key: keyof Ends, rest: Pick<Fact, 'kind' | 'topic' | 'weight' | 'say'>): Fact[] =>
        same(one[key], other[key])
          ? []
          : [
              {
                targets: [name],
                before: one[key],
                after: other[key],
                paths: [pointer('targets', 'targets', name, protocol, key)],
                ...rest,
              },
            ];
      const leads = { kind: 'gains', topic: 'address', weight: 88 } as const;
      const to = (key: 'address' | 'database') =>
        `whoever may reach ${name} by ${protocol} now reaches ${other[key]}, was ${one[key]}`;
      const keys = (ends: Ends) => listed([ends.host_key ?? 'none'].flat().map(shortKey));
      return [
        ...fact('address', { ...leads, say: () => to('address') }),
        ...fact('database', { ...leads, say: () => to('database') }),
        ...fact('host_key', {
          kind: 'other',
          topic: 'host-key',
          weight: 60,
          say: () => `${name} is believed when it shows ${keys(other)}, was ${keys(one)}`,
        }),
        ...fact('trust', {
          kind: 'other',
          topic: 'other',
          weight: 45,
          say: () =>
            other.trust === 'ca'
              ? `${name} is entered by certificate, was by a key that expires by itself`
              : `${name} is entered by a key that expires by itself, was by certificate`,
        }),
      ];
    });
  });
}

interface Ends {
  readonly address: string;
  readonly database?: string;
  readonly trust?: string;
  readonly host_key?: string | readonly string[];
}

const shortKey = (key: string): string => (key.length > 30 ? `${key.slice(0, 12)}…${key.slice(-12)}` : key);
