import { describe, expect, it } from 'vitest';
import { assetOf, assetUrl } from '../../src/web/assets.ts';
import { sentenceOf } from '../../src/web/auditor/sentences.ts';
import { cellPath, Explanation, Moment, Until, Words } from '../../src/web/parts.tsx';

const now = new Date('2026-11-24T20:00:00Z');

describe('what people wrote', () => {
  it('is escaped, keeps its lines and hides nothing', () => {
    const page = (<Words text={'<img src=x onerror=alert(1)>\nevil\u202etxt.exe\u200b'} />).toString();
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;<br/>');
    expect(page).toContain('evil‹U+202E›txt.exe‹U+200B›');
  });

  it('leads to its line of the matrix, and nowhere else', () => {
    expect(cellPath('acme', 'backups/restore')).toBe('/matrix?tenant=acme#backups/restore');
    expect(cellPath('a&b', 'x"/y')).toBe('/matrix?tenant=a%26b#x%22/y');
    const page = (<Explanation lines={['no <b>']} tenant="acme" cell="backups/restore" />).toString();
    expect(page).toContain('<li>no &lt;b&gt;</li>');
    expect(page).toContain('href="/matrix?tenant=acme#backups/restore"');
  });
});

describe('times on a page', () => {
  it('are readable before any script runs', () => {
    const at = new Date('2026-11-24T20:47:30Z');
    const page = (<Until at={at} now={now} zone="America/New_York" />).toString();
    expect(page.replace(/<[^>]+>/g, '')).toBe('47 min left, until 15:47 New York');
    expect(page).toContain('datetime="2026-11-24T20:47:30.000Z"');
  });

  it('say seconds where a deadline is near, and not for what is past', () => {
    const near = (<Moment at={new Date('2026-11-24T20:00:30Z')} now={now} zone="UTC" />).toString();
    const past = (<Moment at={new Date('2026-11-24T19:59:30Z')} now={now} zone="UTC" />).toString();
    expect(near).toContain('20:00:30 UTC');
    expect(past).toContain('>19:59 UTC');
  });
});

describe('a sentence of the log', () => {
  const saying = { name: (id: string) => (id === 'p_1' ? 'Maya' : id), time: (at: string) => `at ${at}` };

  it('names people and says times', () => {
    const data = { person: 'p_1', protocol: 'ssh', role: 'root', target: 'db01', ends_at: 'T' };
    expect(sentenceOf('grant.opened', data, saying)).toBe('gave Maya ssh root on db01 until at T');
  });

  it('is the name of the action where it is unknown or its data is of another version', () => {
    expect(sentenceOf('new.action', {}, saying)).toBe('new.action');
    expect(sentenceOf('request.submitted', {}, saying)).toBe('request.submitted');
    expect(sentenceOf('toString', {}, saying)).toBe('toString');
  });
});

describe('assets', () => {
  it('carry the hash of what they are, also the islands', async () => {
    for (const name of ['pico.css', 'style.css', 'player.css', 'icon.svg', 'page.js', 'player.js'] as const) {
      const asset = await assetOf(name);
      expect(assetUrl(name)).toBe(`/assets/${name}?v=${asset!.version}`);
      expect(asset!.plain.length).toBeGreaterThan(100);
    }
    expect(await assetOf('../package.json')).toBeNull();
    expect(await assetOf('constructor')).toBeNull();
  });

  it('stay small on the pages that everybody opens', async () => {
    const [pico, style, page] = await Promise.all(['pico.css', 'style.css', 'page.js'].map(assetOf));
    expect(pico!.brotli.length + style!.brotli.length).toBeLessThan(16_000);
    expect(page!.brotli.length).toBeLessThan(2_500);
  });
});
