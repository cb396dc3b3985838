import { once } from './once.ts';
import type { Party } from './party.ts';
import type { Member } from './person.ts';

/** A list of people, to be asked who of a party has a group, and who an email (in lower case). */
export interface Roster {
  readonly inGroup: (party: Party, group: string) => readonly Member[];
  readonly withEmail: (party: Party, email: string) => readonly Member[];
}

/** A list that is frozen, with people who do not change, is sorted once; another is looked through each time. */
export const rosterOf = (people: readonly Member[]): Roster =>
  Object.isFrozen(people) ? sorted(people) : looked(people);

const looked = (people: readonly Member[]): Roster => ({
  inGroup: (party, group) => people.filter(one => one.party === party && one.groups.includes(group)),
  withEmail: (party, email) =>
    people.filter(one => one.party === party && one.email?.toLowerCase() === email),
});

const sorted = once((people: readonly Member[]): Roster => {
  const groups = new Map<string, Member[]>();
  const emails = new Map<string, Member[]>();
  const add = (to: Map<string, Member[]>, key: string, member: Member) => {
    const known = to.get(key);
    if (known) known.push(member);
    else to.set(key, [member]);
  };
  for (const member of people) {
    for (const group of new Set(member.groups)) add(groups, `${member.party}/${group}`, member);
    if (member.email !== null) add(emails, `${member.party}/${member.email.toLowerCase()}`, member);
  }
  return {
    inGroup: (party, group) => groups.get(`${party}/${group}`) ?? [],
    withEmail: (party, email) => emails.get(`${party}/${email}`) ?? [],
  };
});
