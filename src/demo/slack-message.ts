/** A stretch of a message that looks one way. */
export type Span =
  | { readonly kind: 'text' | 'bold' | 'italic' | 'code' | 'mention'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly url: string };

/** One part of a message, top to bottom. */
export type Part =
  | { readonly kind: 'heading' | 'paragraph' | 'context'; readonly spans: readonly Span[] }
  | {
      readonly kind: 'buttons';
      readonly links: ReadonlyArray<{ text: string; url: string; primary: boolean }>;
    }
  | { readonly kind: 'divider' };

const MOST_BLOCKS = 50;

/**
 * Reads the body of a Slack incoming webhook: its blocks, or its text where there are none. Null when it is
 * not one. Only addresses that start with http:// or https:// become links; anything else stays words.
 */
export function readSlackMessage(body: unknown): Part[] | null {
  if (!isRecord(body)) return null;
  const blocks = Array.isArray(body.blocks) ? body.blocks.slice(0, MOST_BLOCKS).flatMap(readBlock) : [];
  if (blocks.length > 0) return blocks;
  if (typeof body.text !== 'string' || body.text === '') return null;
  return [{ kind: 'paragraph', spans: readMrkdwn(body.text) }];
}

/** The words of some parts, as somebody would read them out. */
export function wordsOf(parts: readonly Part[]): string {
  const lines = parts.map(part => {
    if (part.kind === 'divider') return '';
    if (part.kind === 'buttons') return part.links.map(link => `[${link.text}]`).join(' ');
    return part.spans.map(span => span.text).join('');
  });
  return lines.filter(Boolean).join('\n');
}

/** Every address that can be clicked in some parts. */
export function linksOf(parts: readonly Part[]): Array<{ text: string; url: string }> {
  return parts.flatMap(part => {
    if (part.kind === 'divider') return [];
    if (part.kind === 'buttons') return part.links.map(({ text, url }) => ({ text, url }));
    return part.spans.flatMap(span => (span.kind === 'link' ? [{ text: span.text, url: span.url }] : []));
  });
}

/**
 * Slack's own markup. `<…>` is a link or a mention, and since the three characters `& < >` of people's words
 * must be escaped by the sender, an unescaped one shows up here as it would there: as a mention or a link.
 */
export function readMrkdwn(text: string): Span[] {
  const spans: Span[] = [];
  for (const [index, piece] of text.split(/<([^<>]*)>/).entries()) {
    if (index % 2 === 0) spans.push(...readStyles(piece));
    else spans.push(readAngle(piece));
  }
  return spans;
}

/** Whether a click on it goes to a web page, and not to a script or a file. */
export function isWebAddress(url: unknown): url is string {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  return ['http:', 'https:'].includes(new URL(url).protocol);
}

function readAngle(inside: string): Span {
  const [target = '', ...rest] = inside.split('|');
  const label = unescapeSlack(rest.join('|'));
  const url = unescapeSlack(target);
  if (isWebAddress(url)) return { kind: 'link', text: label || url, url };
  if (/^[@#!]/.test(target)) return { kind: 'mention', text: label || `@${target.slice(1)}` };
  return { kind: 'text', text: `<${unescapeSlack(inside)}>` };
}

function readStyles(text: string): Span[] {
  const spans: Span[] = [];
  const styles = /`([^`\n]+)`|(?<![\w*])\*([^*\n]+)\*(?![\w*])|(?<![\w_])_([^_\n]+)_(?![\w_])/g;
  let from = 0;
  for (const match of text.matchAll(styles)) {
    if (match.index > from) {
      spans.push({ kind: 'text', text: unescapeSlack(text.slice(from, match.index)) });
    }
    const [whole, code, bold, italic] = match;
    const kind = code !== undefined ? 'code' : bold !== undefined ? 'bold' : 'italic';
    spans.push({ kind, text: unescapeSlack(code ?? bold ?? italic ?? '') });
    from = match.index + whole.length;
  }
  if (from < text.length) spans.push({ kind: 'text', text: unescapeSlack(text.slice(from)) });
  return spans;
}

function unescapeSlack(text: string): string {
  return text.replace(/&(amp|lt|gt);/g, (_whole, name) => ({ amp: '&', lt: '<', gt: '>' })[name as 'amp']);
}

function readBlock(block: unknown): Part[] {
  if (!isRecord(block)) return [];
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.map(readText).filter(spans => spans.length > 0) : [];
  switch (block.type) {
    case 'header':
      return [{ kind: 'heading', spans: readText(block.text) }];
    case 'section': {
      const paragraphs = [readText(block.text), ...texts(block.fields)].filter(spans => spans.length > 0);
      const accessory = readButtons([block.accessory]);
      return [...paragraphs.map(spans => ({ kind: 'paragraph' as const, spans })), ...accessory];
    }
    case 'context':
      return texts(block.elements).map(spans => ({ kind: 'context', spans }));
    case 'actions':
      return readButtons(Array.isArray(block.elements) ? block.elements : []);
    case 'divider':
      return [{ kind: 'divider' }];
    default:
      return [];
  }
}

function readText(text: unknown): Span[] {
  if (!isRecord(text) || typeof text.text !== 'string') return [];
  return text.type === 'mrkdwn' ? readMrkdwn(text.text) : [{ kind: 'text', text: text.text }];
}

function readButtons(elements: readonly unknown[]): Part[] {
  const links = elements.flatMap(element => {
    if (!isRecord(element) || element.type !== 'button' || !isWebAddress(element.url)) return [];
    const text = readText(element.text)
      .map(span => span.text)
      .join('');
    return [{ text: text || element.url, url: element.url, primary: element.style === 'primary' }];
  });
  return links.length > 0 ? [{ kind: 'buttons', links }] : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
