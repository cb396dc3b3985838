import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's Chromium, as it runs in a container and as root. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
  });
}

interface AxeViolation {
  id: string;
  help: string;
  nodes: Array<{ target: unknown[] }>;
}

interface Axe {
  run(options: object): Promise<{ violations: AxeViolation[] }>;
}

/**
 * What axe finds wrong with the open page, one line each; nothing is what we want.
 *
 * @param colours asks only for the rules that look at colours: enough for a page that was looked at in full in the same
 * size, and has changed its colour scheme since
 */
export async function axeViolations(page: Page, { colours = false } = {}): Promise<string[]> {
  if (await page.evaluate(() => !('axe' in globalThis))) {
    const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    // Evaluated by the debugger, so the page's own policy on scripts stays as it is.
    await page.evaluate(source);
  }
  return page.evaluate(
    async options => {
      const { axe } = globalThis as unknown as { axe: Axe };
      const { violations } = await axe.run(options);
      return violations.map(
        one => `${one.id}: ${one.help} (${one.nodes.map(node => node.target).join('; ')})`,
      );
    },
    // The paths of all that passed are most of the work, and nobody reads them.
    { resultTypes: ['violations'], ...(colours ? { runOnly: { type: 'tag', values: ['cat.color'] } } : {}) },
  );
}
