import { visible } from '../../domain/visible-text.ts';
import type { Layout, Strip } from './layout.ts';
import { attributesOf, STYLE } from './paint.ts';
import { box, type Part } from './parts.ts';

/** SVG of a layout. Every text is escaped here, and nothing of it comes from anywhere else. */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** What XML 1.0 cannot hold at all is left out; `visible` has written it out before. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, sign => ESCAPES[sign]!);

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif";
const number = (value: number): string => String(Math.round(value * 100) / 100);

function partText(part: Part): string {
  switch (part.kind) {
    case 'box': {
      const { x, y, width, height, radius, look } = part;
      const round = radius > 0 ? ` rx="${number(radius)}"` : '';
      return `<rect x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"${round} ${attributesOf(look)}/>`;
    }
    case 'path': {
      const way = part.points
        .map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${number(x)} ${number(y)}`)
        .join('');
      return `<path d="${way}${part.closed ? 'Z' : ''}" ${attributesOf(part.look)}/>`;
    }
    case 'text': {
      const anchor = part.anchor === 'start' ? '' : ` text-anchor="${part.anchor}"`;
      return `<text x="${number(part.x)}" y="${number(part.y)}"${anchor} ${attributesOf(part.look)}>${escaped(part.text)}</text>`;
    }
    case 'group':
      return `<g><title>${escaped(visible(part.title))}</title>\n${part.parts.map(partText).join('\n')}\n</g>`;
  }
}

interface Sheet {
  readonly id: string;
  readonly title: string;
  readonly sentences: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly inside: readonly string[];
}

function svg({ id, title, sentences, width, height, inside }: Sheet): string {
  const size = `width="${number(width)}" height="${number(height)}" viewBox="0 0 ${number(width)} ${number(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="swimlane" ${size} role="img" aria-labelledby="${id}-title" aria-describedby="${id}-desc" font-family="${FONT}">`,
    `<title id="${id}-title">${escaped(visible(title))}</title>`,
    `<desc id="${id}-desc">${told(sentences).join('\n')}</desc>`,
    ...inside,
    '</svg>\n',
  ].join('\n');
}

/** Nobody listens to more than these in one go. */
const MOST_SENTENCES = 300;

const told = (sentences: readonly string[]): string[] => [
  ...sentences.slice(0, MOST_SENTENCES).map(text => escaped(visible(text))),
  ...(sentences.length > MOST_SENTENCES ? [`And ${sentences.length - MOST_SENTENCES} more.`] : []),
];

const paper = (width: number, height: number): string => partText(box('paper', 0, 0, width, height));

/** One file that needs nothing else: it carries its own style and asks for nothing from anywhere. */
export function drawingOf({ width, strips }: Layout): string {
  const height = strips.reduce((sum, strip) => sum + strip.height, 0);
  let y = 0;
  const placed = strips.map(strip => {
    const text = `<g transform="translate(0 ${number(y)})">\n${strip.parts.map(partText).join('\n')}\n</g>`;
    y += strip.height;
    return text;
  });
  return svg({
    id: 'swimlane',
    title: strips[0]!.title,
    sentences: strips.flatMap(({ sentences }) => sentences),
    width,
    height,
    inside: [`<style>\n${STYLE}\n</style>`, paper(width, height), ...placed],
  });
}

/** One strip for a page that has the style already: a page breaks between strips, on paper too. */
export const stripDrawing = (width: number, strip: Strip): string =>
  svg({ ...strip, id: `swimlane-${strip.id}`, width, inside: strip.parts.map(partText) });

/** A page that needs nothing else either, for paper: landscape, and a sheet breaks between strips. */
export const sheetsOf = ({ width, strips }: Layout): string =>
  [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><title>${escaped(visible(strips[0]!.title))}</title>`,
    `<style>\n${STYLE}\n${SHEETS}\n</style></head>`,
    '<body class="swimlane"><main>',
    ...strips.map(strip => stripDrawing(width, strip)),
    '</main></body>',
    '</html>\n',
  ].join('\n');

const SHEETS = `@page{size:landscape;margin:10mm}
body{margin:0;background:var(--s-paper)}
svg{display:block;width:100%;max-width:110rem;height:auto;margin:0 auto;break-inside:avoid}`;
