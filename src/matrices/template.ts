import { readFileSync } from 'node:fs';
import { parseDocument, stringify } from 'yaml';
import { isTimezone } from '../domain/calendar.ts';
import { NAME } from './forms.ts';
import { findLibrary, TEMPLATES } from './library.ts';
import { problemText } from './problem.ts';
import { readTexts, type VersionTexts } from './read.ts';

export const TEMPLATE_NAMES = ['smb', 'nydfs', 'hipaa'] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** What a template is filled in with; what is left out stays as it stands in the template. */
export interface Answers {
  readonly tenant: string;
  readonly msp?: string | undefined;
  readonly client?: string | undefined;
  readonly mspIssuer?: string | undefined;
  readonly clientIssuer?: string | undefined;
  readonly timezone: string;
  /** A date, `2027-02-20`. */
  readonly reviewBy: string;
}

/** Why a name, a URL or a time zone cannot be written into a matrix, in one line; `null`: it can. */
export function wrongAnswer({
  tenant,
  msp,
  client,
  mspIssuer,
  clientIssuer,
  timezone,
}: Answers): string | null {
  if (!NAME.test(tenant) || tenant === 'instance') {
    return `${show(tenant)} is no tenant's name: lower-case letters, digits, dots and dashes, such as acme.`;
  }
  for (const [option, name] of [
    ['--msp', msp],
    ['--client', client],
  ] as const) {
    if (name !== undefined && (name.trim() === '' || name.length > 100 || /\p{C}/u.test(name))) {
      return `${option} ${show(name)}: expected a name of up to 100 characters that all show.`;
    }
  }
  for (const [option, issuer] of [
    ['--msp-issuer', mspIssuer],
    ['--client-issuer', clientIssuer],
  ] as const) {
    if (issuer !== undefined && !isIssuer(issuer)) {
      return `${option} ${show(issuer)}: expected the URL of an OIDC issuer, https://… without ? and #.`;
    }
  }
  if (!isTimezone(timezone)) return `--timezone ${show(timezone)}: expected one such as America/New_York.`;
  return null;
}

const show = (text: string): string => JSON.stringify(text.slice(0, 100));

/** An issuer has no query and no fragment; without TLS it is one on this machine, for trying out. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || /[\s\p{C}]/u.test(text)) return false;
  const { protocol, hostname, search, hash, username } = new URL(text);
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (
    search === '' &&
    hash === '' &&
    username === '' &&
    (protocol === 'https:' || (protocol === 'http:' && local))
  );
}

/**
 * The three files of a template, filled in. `full`: with the library's rows written out in place of `extends`.
 *
 * @throws Error when what comes out would not load; the message says where
 */
export function filledTemplate(name: TemplateName, answers: Answers, full: boolean): VersionTexts {
  const text = (file: string) => readFileSync(`${TEMPLATES}${name}/${file}.yaml`, 'utf8');
  const { tenant, msp, client, mspIssuer, clientIssuer, timezone, reviewBy } = answers;
  const filled = substituted(text('matrix'), [
    [['matrix'], tenant],
    [['review_by'], reviewBy],
    [['timezone'], timezone],
    [['parties', 'msp', 'name'], msp],
    [['parties', 'msp', 'issuer'], mspIssuer],
    [['parties', 'client', 'name'], client],
    [['parties', 'client', 'issuer'], clientIssuer],
  ]);
  const texts = {
    matrix: full ? writtenOut(filled) : filled,
    targets: text('targets'),
    expectations: text('expectations'),
  };
  const reading = readTexts(tenant, texts);
  if (!reading.ok) throw new Error(reading.problems.map(problemText).join('\n'));
  return texts;
}

/** The text with values put in the places of others, each quoted as YAML needs it; nothing else moves. */
function substituted(text: string, values: readonly [string[], string | undefined][]): string {
  const document = parseDocument(text);
  const places = values.flatMap(([path, value]) => {
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
    if (!node?.range) throw new Error(`the template has no ${path.join('.')}`);
    return value === undefined ? [] : [{ from: node.range[0], to: node.range[1], value }];
  });
  return places
    .sort((one, other) => other.from - one.from)
    .reduce((so, { from, to, value }) => {
      // What was answered is nothing to change any more.
      const [line = '', ...further] = so.slice(to).split('\n');
      return [so.slice(0, from) + scalar(value) + line.replace('# CHANGE: ', '# '), ...further].join('\n');
    }, text);
}

const scalar = (value: string): string => stringify(value, { lineWidth: 0, blockQuote: false }).trimEnd();

/** `extends`, the words about it and all that follow them, replaced by the library's own text. */
function writtenOut(text: string): string {
  const name = String(parseDocument(text).get('extends'));
  const library = findLibrary(name);
  if (!library) throw new Error(`the template builds on ${name}, which is not shipped`);
  const paragraph = text.lastIndexOf('\n\n', text.indexOf(`\nextends: ${name}`)) + 2;
  return text.slice(0, paragraph) + library.text;
}
