import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CastName, PARTY_NAMES } from '../../src/demo/cast.ts';
import { execute } from '../../src/demo/stage.ts';
import { axeViolations, startBrowser } from '../demo/browser.ts';
import { ask, granted, raised } from '../fixtures/raised.ts';
import { folderOf } from '../fixtures/signed.ts';

/** Where to leave what was seen, for somebody to look at; unset: nowhere. */
const PICTURES = process.env.SALLYPORT_PICTURES;
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };

const stage = raised();
let browser: Browser;
const contexts = new Map<CastName, BrowserContext>();
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
});

afterAll(async () => {
  await browser?.close();
});

/** A browser of this person, signed in through the provider's real form. */
async function as(name: CastName): Promise<BrowserContext> {
  const known = contexts.get(name);
  if (known) return known;
  const context = await browser.newContext({ viewport: PHONE, timezoneId: 'Europe/Berlin' });
  contexts.set(name, context);
  const page = await open(context, '/signin');
  const { email, password, party } = stage().cast[name];
  await page.getByRole('link', { name: PARTY_NAMES[party] }).click();
  await page.getByLabel(/email/i).fill(email);
  await page.getByLabel(/password/i).fill(password);
  await page
    .getByRole('button', { name: /sign in/i })
    .first()
    .click();
  await page.waitForURL(url => url.origin === stage().url.origin);
  await page.close();
  return context;
}

async function open(context: BrowserContext, path: string): Promise<Page> {
  const page = await context.newPage();
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', error => complaints.push(`${page.url()}: ${error.message}`));
  await page.goto(new URL(path, stage().url).href);
  return page;
}

/** Axe on a phone and on a desk, light and dark; no page is wider than its screen. */
async function lookAt(page: Page, name: string): Promise<void> {
  for (const [device, viewport] of [
    ['phone', PHONE],
    ['desk', DESK],
  ] as const) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const wrong = await axeViolations(page, { colours: colorScheme === 'dark' });
      expect(wrong, `${name}, ${device}, ${colorScheme}`).toEqual([]);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wider, `${name} overflows on a ${device}`).toBeLessThanOrEqual(0);
      if (PICTURES) {
        await mkdir(PICTURES, { recursive: true });
        await page.screenshot({
          path: join(PICTURES, `${name}-${device}-${colorScheme}.png`),
          fullPage: device === 'desk',
        });
      }
    }
  }
}

describe('every page', () => {
  it('reads well on a phone and on a desk, in light and in dark', { timeout: 300_000 }, async () => {
    const nobody = await browser.newContext({ viewport: PHONE });
    await lookAt(await open(nobody, '/signin'), 'sign-in');
    const waiting = await ask(stage());
    await granted(stage());
    const ran = await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      '-T',
      'root@db01@localhost',
      'echo a line; uname',
    ]);
    expect(ran.status).toBe(0);
    const { json } = await stage().api('audrey', 'GET', '/sessions');
    const session = json.sessions[0].id;
    complaints.length = 0;
    const visits: readonly (readonly [CastName, string, string])[] = [
      ['maya', '/', 'engineer-home'],
      ['maya', '/ask', 'ask'],
      ['maya', `/r/${waiting.id}`, 'own-request'],
      ['maya', '/me', 'me'],
      ['dana', '/', 'owner-home'],
      ['dana', `/r/${waiting.id}`, 'approval'],
      ['dana', '/lockout', 'lockout'],
      ['dana', '/matrix', 'matrix'],
      ['dana', '/matrix/swimlane', 'swimlane'],
      ['noah', '/matrix/swimlane?service=backups', 'swimlane-of-one-service'],
      ['audrey', '/', 'auditor-home'],
      ['audrey', '/sessions', 'sessions'],
      ['audrey', `/sessions/${session}`, 'replay'],
      ['audrey', '/log', 'log'],
      ['dana', '/observed', 'nothing-observed'],
      ['noah', '/', 'empty-home'],
      ['mallory', '/', 'no-squad'],
    ];
    // Each person stays in one tab, as people do; a new one for each page costs more than looking at it.
    const tabs = new Map<CastName, Page>();
    for (const [who, path, name] of visits) {
      const page = tabs.get(who) ?? (await open(await as(who), path));
      if (tabs.has(who)) await page.goto(new URL(path, stage().url).href);
      tabs.set(who, page);
      await lookAt(page, name);
    }
    for (const page of tabs.values()) await page.close();
    expect(complaints).toEqual([]);
    const missing = await open(await as('noah'), `/r/${waiting.id}`);
    await lookAt(missing, 'not-for-you');
    expect(await missing.textContent('main')).not.toContain('Maya');
  });
});

describe('the matrix', () => {
  it('leads from the grid to the cell, keeps its heads in sight, and is kept as a file', async () => {
    const page = await open(await as('dana'), '/matrix');
    await page.setViewportSize({ width: 1280, height: 500 });
    await page.getByRole('link', { name: 'Restore from backup', exact: true }).click();
    expect(new URL(page.url()).hash).toBe('#backups/restore');
    expect(await page.locator('.cell:target').textContent()).toContain('Dana Whitfield');
    const grid = page.getByRole('table', { name: /activities by squads/i });
    const last = grid.getByRole('row', { name: /report and compliance/i });
    await last.evaluate(row => row.scrollIntoView({ block: 'end' }));
    const head = await grid.getByRole('columnheader', { name: /backup-ops/ }).boundingBox();
    expect(head!.y).toBeGreaterThanOrEqual(0);
    expect(head!.y + head!.height).toBeLessThan((await last.boundingBox())!.y);

    await page.getByRole('link', { name: 'Swimlane' }).click();
    expect(await page.getByRole('img', { name: /Backups & recovery/ }).count()).toBe(1);
    const waiting = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Keep as SVG' }).click();
    const file = await waiting;
    expect(file.suggestedFilename()).toMatch(/^acme-[0-9a-f]{12}\.svg$/);
    const kept = await readFile((await file.path())!, 'utf8');
    expect(kept).toMatch(/^<svg /);
    expect(kept).toContain('<style>');
    await page.close();
  });

  it('is not there for somebody who names another tenant or service', async () => {
    for (const path of ['/matrix/swimlane?tenant=other', '/matrix/swimlane.svg?service=constructor']) {
      const answer = await (await as('dana')).request.get(new URL(path, stage().url).href);
      expect(answer.status()).toBe(404);
    }
  });
});

describe('Dana, on her phone', () => {
  it('opens the link, sees all of it without scrolling sideways, and approves with one tap', async () => {
    const { id } = await ask(stage(), { reason: 'The upgrade damaged the patient table' });
    const page = await open(await as('dana'), `/r/${id}`);
    await page.setViewportSize(PHONE);
    for (const told of [
      'Maya Okafor',
      'Northwind MSP',
      'root',
      'db01',
      'The upgrade damaged',
      'INC-7',
      'backups/restore',
    ]) {
      expect(await page.textContent('main')).toContain(told);
    }
    await page
      .getByRole('button', { name: /^approve/i })
      .first()
      .click();
    await page.waitForLoadState();
    const { json } = await stage().api('dana', 'GET', `/requests/${id}`);
    expect(json.state).toBe('approved');
  });

  it('is told when it changed under her eyes, and nothing happened', async () => {
    const { id } = await ask(stage());
    const page = await open(await as('dana'), `/r/${id}`);
    expect((await stage().api('maya', 'PATCH', `/requests/${id}`, { for: '2h' })).status).toBe(200);
    await page
      .getByRole('button', { name: /^approve/i })
      .first()
      .click();
    await page.waitForLoadState();
    expect(await page.textContent('main')).toMatch(/changed/i);
    expect((await stage().api('dana', 'GET', `/requests/${id}`)).json.state).toBe('waiting');
  });

  it('approves without any script', async () => {
    const { id } = await ask(stage());
    const plain = await browser.newContext({
      viewport: PHONE,
      javaScriptEnabled: false,
      storageState: await (await as('dana')).storageState(),
    });
    const page = await plain.newPage();
    await page.goto(new URL(`/r/${id}`, stage().url).href);
    await page
      .getByRole('button', { name: /^approve/i })
      .first()
      .click();
    await page.waitForLoadState();
    expect((await stage().api('dana', 'GET', `/requests/${id}`)).json.state).toBe('approved');
    await plain.close();
  });
});

describe('Audrey', () => {
  it('replays the recording under the strict policy: what was on the screen is on hers', async () => {
    await granted(stage());
    await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      '-T',
      'root@db01@localhost',
      'echo seen-by-the-auditor',
    ]);
    const { json } = await stage().api('audrey', 'GET', '/sessions');
    const page = await open(await as('audrey'), `/sessions/${json.sessions[0].id}`);
    const player = page.locator('.ap-player, .ap-wrapper').first();
    await player.waitFor();
    await player.click();
    await expect
      .poll(async () => page.locator('.ap-terminal, .ap-term').first().innerText(), { timeout: 20_000 })
      .toContain('seen-by-the-auditor');
    const { headers } = await stage()
      .as('audrey')
      .then(visitor => visitor.ask(page.url()));
    expect(headers['content-security-policy']).not.toMatch(/unsafe-inline|'unsafe-eval'/);
  });
});

describe('words that people wrote', () => {
  it('stay words on every page', async () => {
    const { id } = await ask(stage(), {
      reason: '<script>document.title="owned"</script><img src=x onerror=alert(1)>',
      ticket: 'INC-9',
    });
    for (const [who, path] of [
      ['dana', `/r/${id}`],
      ['dana', '/'],
      ['maya', '/'],
      ['audrey', '/log'],
    ] as const) {
      const page = await open(await as(who), path);
      expect(await page.title()).not.toBe('owned');
      expect(await page.locator('main img, main b:text-is("INC"), main script').count()).toBe(0);
      await page.close();
    }
  });
});

// Last: from then on another version is in force.
describe('Alex of Northwind and Chris of Acme', () => {
  it('read what a version changes, and sign it in their browsers', { timeout: 180_000 }, async () => {
    const grant = await granted(stage());
    await as('chris');
    const { matrix, targets, tenant } = folderOf(stage());
    const put = await stage().api('alex', 'POST', '/matrix/proposals', {
      tenant,
      targets,
      matrix: matrix
        .replace('gives: { ssh: [root, backup], postgres', 'gives: { ssh: [backup], postgres')
        .replace('for: 4h, answer_within: 10m', 'for: 6h, answer: pre-approved')
        .replace('R: [msp/noc]', 'R: [msp/noc, msp/security]'),
      change: 'CHG-1043',
      note: 'Nobody restores as root any more',
    });
    expect(put.status, put.text).toBe(201);
    await as('robin');
    const path = `/matrix/proposals/${put.json.id}`;
    for (const name of ['alex', 'chris'] as const) {
      const page = await open(await as(name), path);
      await lookAt(page, `proposal-${name}`);
      for (const told of ['Gains access', 'Loses access', 'msp/security', 'CHG-1043', 'uncovered-target'])
        expect(await page.textContent('main')).toContain(told);
      await page.getByRole('button', { name: 'Sign this version' }).click();
      await page
        .getByText(name === 'alex' ? 'Your party has signed' : 'Came into force')
        .first()
        .waitFor();
      await lookAt(page, `proposal-signed-${name}`);
      await page.close();
    }
    const list = await open(await as('alex'), '/matrix/proposals');
    await lookAt(list, 'proposals');
    const dana = await open(await as('dana'), '/matrix');
    await dana.getByRole('link', { name: 'Look at them, and end them' }).click();
    await lookAt(dana, 'disallowed');
    await dana.getByRole('button', { name: /^End/ }).click();
    await dana.getByText('None of those that are yours to end').waitFor();
    const { json } = await stage().api('maya', 'GET', `/requests/${grant.request}`);
    expect(json.grant.end_reason).toBe('revoked');
  });
});
