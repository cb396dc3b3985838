import type { Whoami } from './answers.ts';
import { openClient } from './client.ts';
import { facts, jsonText, list, plain, since, until } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport whoami` */
export async function whoami(terminal: Terminal, options: { json?: boolean }): Promise<void> {
  const you = await openClient(terminal.client()).get<Whoami>('/whoami');
  if (options.json) {
    terminal.output.write(jsonText(you));
    return;
  }
  terminal.output.write(`${plain`${you.name} (${you.handle})`}\n`);
  terminal.output.write(
    facts([
      ...you.engagements.map(
        ({ tenant, party, squads }) =>
          [tenant, `${party}: ${list(squads) === '–' ? 'in no squad' : list(squads)}`] as const,
      ),
      ['signed in', `${until(you.expires_at, terminal.now())}, at ${you.issuer}`],
      ['seen there', since(you.authenticated_at, terminal.now())],
      ['id', you.id],
    ]),
  );
  if (you.engagements.length === 0) {
    terminal.output.write('You are on no side of any engagement here, so there is nothing to ask for.\n');
  }
}
