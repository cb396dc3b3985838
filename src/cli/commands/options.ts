import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../domain/duration.ts';

/** What several commands take, said once. */

export const json = () => new Option('--json', "print the API's JSON");
export const tenant = () => new Option('--tenant <name>', 'the engagement, where several fit');
export const yes = () => new Option('--yes', 'go ahead without a question');

export function duration(text: string): string {
  if (parseDuration(text) === null)
    throw new InvalidArgumentError('Expected a duration such as 45m or 1h30m.');
  return text;
}
