import type { Party } from '../domain/party.ts';

/** Which side of an engagement a column of a spreadsheet stands for, guessed by its words. */

/** Words that name a side. */
const NAMES: Readonly<Record<Party, readonly string[]>> = {
  msp: ['msp', 'mssp', 'provider', 'managed', 'outsourced', 'partner', 'external'],
  client: ['client', 'customer', 'internal', 'in house', 'company', 'business', 'corporate'],
};

/** Words for somebody who may work for either side, or for neither. */
const OUTSIDERS = ['vendor', 'supplier', 'contractor', 'subcontractor', 'consultant', 'third party'].flatMap(
  word => [word, word.endsWith('y') ? word.replace(/y$/, 'ies') : `${word}s`],
);

/** Jobs that usually sit on one side. */
const JOBS: Readonly<Record<Party, readonly string[]>> = {
  msp: [
    'noc',
    'soc',
    'service desk',
    'servicedesk',
    'help desk',
    'helpdesk',
    'backup',
    'backups',
    'account manager',
    'account managers',
    'engineer',
    'engineers',
    'engineering',
    'field',
    'dispatch',
    'vcio',
    'vciso',
    'tier',
    'l1',
    'l2',
    'l3',
  ],
  client: [
    'it',
    'ciso',
    'cio',
    'cto',
    'cfo',
    'ceo',
    'coo',
    'dpo',
    'legal',
    'counsel',
    'compliance',
    'privacy',
    'hr',
    'human resources',
    'owner',
    'owners',
    'audit',
    'auditor',
    'auditors',
    'finance',
    'board',
    'executive',
    'executives',
    'management',
    'leadership',
    'department',
    'risk',
    'security officer',
  ],
};

/** Lower-case words with one space between them and around them. */
export const plainWords = (text: string): string =>
  ` ${text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()} `;

const says = (text: string, words: readonly string[]): boolean =>
  words.some(word => word.trim() !== '' && plainWords(text).includes(plainWords(word)));

/** The side that one of the two lists points to, if only one does. */
function sideBy(text: string, msp: readonly string[], client: readonly string[]): Party | null {
  const [forMsp, forClient] = [says(text, msp), says(text, client)];
  return forMsp === forClient ? null : forMsp ? 'msp' : 'client';
}

/**
 * @param group what stands above the heading, over several columns; it knows better than the heading
 * @param names what the two sides are called
 */
export function guessedParty(
  heading: string,
  group: string,
  names: Readonly<Record<Party, string>>,
): Party | null {
  const jobs = (text: string) => sideBy(text, JOBS.msp, JOBS.client);
  const side = sideNamed(group, names) ?? sideNamed(heading, names);
  if (side !== null || says(`${group} ${heading}`, OUTSIDERS)) return side;
  return jobs(group) ?? jobs(heading);
}

const sideNamed = (text: string, names: Readonly<Record<Party, string>>): Party | null =>
  sideBy(text, [names.msp, ...NAMES.msp], [names.client, ...NAMES.client]);

/** True where a text says a side by its name or by a word such as "client", not by a job alone. */
export const namesSide = (text: string, names: Readonly<Record<Party, string>>): boolean =>
  sideNamed(text, names) !== null;

/** The heading less the words that only say whose it is; for the squad's name. */
export function withoutSide(heading: string, names: Readonly<Record<Party, string>>): string {
  const words = [names.msp, names.client, 'msp', 'mssp', 'client', 'customer'];
  return words
    .reduce(
      (text, word) => (word.trim() === '' ? text : text.replaceAll(plainWords(word), ' ')),
      plainWords(heading),
    )
    .trim();
}
