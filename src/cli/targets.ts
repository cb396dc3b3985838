import type { Target } from './answers.ts';
import { openClient } from './client.ts';
import { jsonText, list, table } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport targets list` */
export async function listTargets(
  terminal: Terminal,
  options: { tenant?: string; json?: boolean },
): Promise<void> {
  const answer = await openClient(terminal.client()).get<{ targets: Target[] }>('/targets', {
    tenant: options.tenant,
  });
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.targets.length === 0) {
    terminal.output.write('No target. They stand in policies/TENANT/targets.yaml.\n');
    return;
  }
  terminal.output.write(
    table(
      [
        { head: 'TARGET' },
        { head: 'BY', shrinks: true },
        { head: 'CELLS', shrinks: true },
        { head: 'WHAT IT IS', shrinks: true },
      ],
      answer.targets.map(({ name, tenant, protocols, cells, label }) => [
        `${name}.${tenant}`,
        list(protocols),
        cells.length === 0 ? 'none: nobody may ask' : list(cells),
        label,
      ]),
    ),
  );
}
