import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { visible, visibleLines } from '../domain/visible-text.ts';
import type { Message, Notifier, NotifierKind } from './contract.ts';
import { post, webhookAddress } from './post.ts';

// The Standard Webhooks specification, version 1.0.0: https://www.standardwebhooks.com/

const settings = z.strictObject({
  url: webhookAddress,
  /** `whsec_` and base64 of 24 to 64 random bytes, as the specification asks. */
  secret: z.string().refine(isSecret, 'expected whsec_ and base64 of 24 to 64 bytes'),
});

function isSecret(text: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (encoded === undefined) return false;
  const key = Buffer.from(encoded, 'base64');
  return key.toString('base64') === encoded && key.length >= 24 && key.length <= 64;
}

/** Any receiver of signed webhooks. */
export const standardWebhook: NotifierKind = {
  secrets: ['secret'],
  open: (given, now): Notifier => {
    const { url, secret } = settings.parse(given);
    const webhook = new Webhook(secret);
    return {
      deliver: (message, signal) => {
        const body = Buffer.from(JSON.stringify(webhookPayload(message)));
        // The time of this attempt, not of the message: receivers refuse old ones. The id stays, so that they can
        // recognise one that comes twice.
        const at = now();
        return post(
          url,
          body,
          {
            'webhook-id': message.id,
            'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
            'webhook-signature': webhook.sign(message.id, at, body),
          },
          signal,
        );
      },
    };
  },
};

/**
 * `{type, timestamp, data}`. The type is `sallyport.approval_asked` for `approval-asked` and so on (the specification
 * allows letters, digits, underscore and dot). Markup in a text is as people wrote it, which JSON can hold: a receiver
 * that shows it escapes it for where it shows it. What would hide or reorder is written out, since few receivers do.
 */
export function webhookPayload(message: Message): Record<string, unknown> {
  const { id, kind, tenant, url, at } = message;
  const to = message.to.map(visible);
  const title = visible(message.title);
  const lines = message.lines.map(({ label, text }) => ({ label: visible(label), text: visibleLines(text) }));
  return {
    type: `sallyport.${kind.replaceAll('-', '_')}`,
    timestamp: at,
    data: { id, tenant, to, title, lines, url },
  };
}
