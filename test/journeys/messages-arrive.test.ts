import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { outbox } from '../../src/store/tables.ts';
import { ask, logOf, raised } from '../fixtures/raised.ts';

const stage = raised();

const lettersAbout = (id: string) =>
  stage().broker.application.database.within(['acme'], tx =>
    tx.select().from(outbox).where(eq(outbox.about, id)),
  );

describe('a message', () => {
  it('arrives after the chat was down, once it is up again, and the log says so', async () => {
    stage().chat.failNext(2, 503);
    const { id } = await ask(stage());
    const message = await stage().chat.waitFor(one => one.links.some(link => link.url.endsWith(id)), 30_000);
    expect(message.via).toBe('slack');
    const rows = await lettersAbout(id);
    const delivered = rows.find(row => row.channel === 'acme-it' && row.attempts > 1);
    expect(delivered?.attempts).toBe(3);
  });

  it('to the asker is signed by the Standard Webhooks scheme', async () => {
    const { id } = await ask(stage());
    const { json: shown } = await stage().api('dana', 'GET', `/requests/${id}`);
    await stage().api('dana', 'POST', `/requests/${id}/deny`, {
      digest: shown.digest,
      reason: 'Ask the DBA first',
    });
    const message = await stage().chat.waitFor(
      one => one.via === 'webhook' && JSON.stringify(one.payload).includes(id),
    );
    expect(message.verified).toBe(true);
    expect(JSON.stringify(message.payload)).toContain('Ask the DBA first');
  });

  it('holds what people wrote as words, not as markup', async () => {
    const hostile = '<!channel> <https://evil.example|click *here*> & <@U123>';
    const { id } = await ask(stage(), { reason: hostile });
    const message = await stage().chat.waitFor(one => one.links.some(link => link.url.endsWith(id)));
    const payload = JSON.stringify(message.payload);
    expect(payload).not.toContain('<!channel>"');
    expect(message.links.map(link => new URL(link.url).origin)).toEqual(
      message.links.map(() => stage().url.origin),
    );
    expect(message.text).toContain('<!channel>');
  });

  it('for a rung that nobody needs any more is not sent', async () => {
    const { id } = await ask(stage());
    await stage().api('maya', 'POST', `/requests/${id}/withdraw`);
    const rows = await lettersAbout(id);
    const second = rows.filter(row => row.message.to.includes('client/ciso'));
    expect(second).toHaveLength(1);
    expect(second[0]!.doneAt).toBeNull();
    expect(second[0]!.whileWaiting).toBe(id);
    expect(second[0]!.dueAt.getTime() - rows.find(row => row !== second[0])!.dueAt.getTime()).toBeGreaterThan(
      800_000,
    );
  });

  it('stands in the log with its kind, channel and request', async () => {
    const { id } = await ask(stage());
    await stage().chat.waitFor(one => one.links.some(link => link.url.endsWith(id)));
    await expect
      .poll(async () =>
        (await logOf(stage())).some(
          ({ action, data }) =>
            action === 'message.delivered' && data.about === id && data.channel === 'acme-it',
        ),
      )
      .toBe(true);
  });
});
