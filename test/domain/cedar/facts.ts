import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Member } from '../../../src/domain/person.ts';
import type { Question } from '../../../src/domain/question.ts';
import type { Target } from '../../../src/domain/target.ts';

/** What Cedar is told: a person with their groups, a target with its labels, and what is asked. */

export const personId = ({ handle, party }: Pick<Member, 'handle' | 'party'>): TypeAndId => ({
  type: 'Person',
  id: `${party}:${handle}`,
});

export const targetId = (name: string): TypeAndId => ({ type: 'Target', id: name });

export const personFacts = (member: Member): EntityJson => ({
  uid: personId(member),
  attrs: {
    party: member.party,
    ...(member.email === null ? {} : { email: member.email.toLowerCase() }),
  },
  parents: [...new Set(member.groups)].map(group => ({ type: 'Group', id: `${member.party}/${group}` })),
});

export const targetFacts = (name: string, target: Target): EntityJson => ({
  uid: targetId(name),
  attrs: {
    labels: Object.fromEntries(Object.entries(target.labels).map(([key, value]) => [key, [value].flat()])),
    offers: (['ssh', 'postgres', 'web'] as const).filter(protocol => target[protocol] !== undefined),
  },
  parents: [],
});

export const contextOf = (question: Question, open: readonly string[], lockedOut: boolean): Context => ({
  seconds: question.seconds,
  ticket: (question.ticket ?? '').trim() !== '',
  open: [...open],
  locked_out: lockedOut,
  asker: { __entity: personId(question.asker) },
  ...(question.severity === null ? {} : { severity: question.severity }),
  ...(question.protocol === null ? {} : { protocol: question.protocol }),
  ...(question.protocol === null || question.role === null
    ? {}
    : { login: `${question.protocol} ${question.role}` }),
});
