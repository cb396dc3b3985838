import { z } from 'zod';
import { isDate } from '../domain/calendar.ts';
import { parseDuration } from '../domain/duration.ts';

/**
 * What single values in the three files look like. `meta` is what a JSON Schema says where a check here is more than
 * a pattern; it changes nothing of what is taken.
 */

/** Begins the message of an unknown key; the keys that would be known follow, separated by commas. */
export const KNOWN_KEYS = 'known keys: ';

/** Names of things: they stand in paths, principals and host names, so they are narrow. */
export const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const NAME_FORM = 'a name of lower-case letters, digits, dots, dashes and underscores';

export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = KNOWN_KEYS + Object.keys(shape).join(',');
  return z.strictObject(shape, { error: issue => (issue.code === 'unrecognized_keys' ? known : undefined) });
}

export const says = (expected: string) => ({ error: `expected ${expected}` });

export const text = z.string(says('text')).trim().min(1, 'expected text');
export const texts = z.array(text, says('a list of texts'));
/** Where a number or a date-like text is the usual slip. */
export const quoted = z.string(says('text; put it in quotes')).min(1, 'expected text');
export const flag = z.boolean(says('true or false'));
export const name = z.string(says(NAME_FORM)).regex(NAME, `expected ${NAME_FORM}`);
export const word = z.union([quoted, z.array(quoted).min(1)], says('text or a list of texts'));

const DURATION_FORM = 'a duration such as 15m, 2h or 1h30m';
export const duration = z
  .string(says(DURATION_FORM))
  .refine(value => parseDuration(value) !== null, `expected ${DURATION_FORM}`)
  .meta({ pattern: '^([0-9]{1,9}[smhd])+$' });

const DATE_FORM = 'a date such as 2027-02-20';
export const date = z
  .string(says(DATE_FORM))
  .refine(isDate, `expected ${DATE_FORM}`)
  .meta({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });

/** Its zone is known only beside others, so whether it is a time is looked at in `references.ts`. */
export const moment = (example: string) =>
  z.string(says(`a time such as ${example}`)).meta({
    pattern:
      '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2})?$',
  });

const SQUAD = /^[^/\s]+\/[^/\s]+$/;
/** What an editor should take: a party and a squad. Which squads there are is looked at in `references.ts`. */
const SQUAD_PATTERN = '^(msp|client)/[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$';
export const squad = z
  .string(says('one squad, such as client/it'))
  .regex(SQUAD, 'expected one squad, such as client/it')
  .meta({ pattern: SQUAD_PATTERN });
export const accountable = z
  .string(says('exactly one squad, such as client/it'))
  .regex(SQUAD, 'expected exactly one squad, such as client/it')
  .meta({ pattern: SQUAD_PATTERN });
export const squads = z.array(squad, says('a list of squads, such as [client/it]'));
export const someSquads = squads.min(1, 'expected a list of at least one squad');

export const email = z
  .string(says('an email address'))
  .regex(/^[^\s@/]+@[^\s@/]+$/, 'expected an email address');

const URL_PATTERN = '^https?://[^\\s/]';
export const isUrl = (value: string): boolean =>
  URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol);
export const url = (form: string) =>
  z.string(says(form)).refine(isUrl, `expected ${form}`).meta({ pattern: URL_PATTERN });
export const link = url('an https link');

export const labels = z.record(z.string(), word, says('labels, such as { service: backups }'));
export const selector = labels
  .refine(value => Object.keys(value).length > 0, 'expected at least one label to select by')
  .meta({ minProperties: 1 });
