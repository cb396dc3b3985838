import { z } from 'zod';
import { shortened, visible } from '../domain/visible-text.ts';
import type { Message, Notifier, NotifierKind } from './contract.ts';
import { post, webhookAddress } from './post.ts';

// Slack's incoming webhooks and Block Kit, as its reference has them: blocks at most 50, header 150 characters,
// section fields 10 of 2,000 each, button url 3,000. Others take the same shape and read only `text`.
const MOST_TITLE = 150;
const MOST_FIELD = 2000;
const FIELDS_A_SECTION = 10;
const MOST_LINES = 40;
const MOST_TEXT_LINE = 300;
const MOST_URL = 3000;

const settings = z.strictObject({
  /** The incoming webhook's address. Who has it can post, so it is a secret. */
  url: webhookAddress,
});

/** Slack, and what takes Slack's incoming webhooks. */
export const slack: NotifierKind = {
  secrets: ['url'],
  open: (given): Notifier => {
    const { url } = settings.parse(given);
    return {
      deliver: (message, signal) => post(url, Buffer.from(JSON.stringify(slackPayload(message))), {}, signal),
    };
  },
};

/**
 * The body of the POST. In blocks all text is `plain_text`, which knows no markup and no mentions. `text` is for
 * notifications and for receivers without blocks.
 */
export function slackPayload(message: Message): Record<string, unknown> {
  const title = visible(message.title) || 'Sallyport';
  const lines = [
    ...message.lines.slice(0, MOST_LINES),
    ...(message.to.length === 0 ? [] : [{ label: 'To', text: message.to.join(', ') }]),
  ].map(({ label, text }) => `${visible(label)}: ${visible(text)}`);
  const url = message.url !== null && message.url.length <= MOST_URL ? message.url : null;
  return {
    text: [title, ...lines]
      .map(inert)
      .concat(url === null ? [] : [escaped(url)])
      .join('\n'),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(title, MOST_TITLE) },
      ...sections(lines),
      ...(url === null ? [] : [linkButton(url)]),
    ],
  };
}

function sections(lines: readonly string[]): Record<string, unknown>[] {
  const made: Record<string, unknown>[] = [];
  for (let i = 0; i < lines.length; i += FIELDS_A_SECTION) {
    const fields = lines.slice(i, i + FIELDS_A_SECTION).map(line => plain(line, MOST_FIELD));
    made.push({ type: 'section', fields });
  }
  return made;
}

function linkButton(url: string): Record<string, unknown> {
  const button = {
    type: 'button',
    action_id: 'open',
    text: plain('Open in Sallyport', 75),
    url,
    style: 'primary',
  };
  return { type: 'actions', elements: [button] };
}

/** `emoji: false`, else `:white_check_mark:` in a reason would be a tick. */
const plain = (text: string, most: number) => ({
  type: 'plain_text',
  text: shortened(text, most),
  emoji: false,
});

/**
 * A code span, the one thing in which neither Slack's mrkdwn nor the Markdown of others sees markup, links or
 * mentions; without a backtick inside nothing can end it.
 */
const inert = (text: string) => `\`${escaped(shortened(text, MOST_TEXT_LINE).replaceAll('`', '’'))}\``;

/** The three characters with a meaning in mrkdwn: without them there is no `<!channel>` and no `<url|text>`. */
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
