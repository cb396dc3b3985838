import { html } from 'hono/html';
import type { ChatMessage } from './chat-message.ts';
import type { Part, Span } from './slack-message.ts';

type Html = ReturnType<typeof html>;

/** The whole page: what was said in one room, or in all of them. */
export function chatPage(title: string, rooms: readonly string[], messages: readonly ChatMessage[]): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · chat</title>
<link rel="stylesheet" href="/chat.css">
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="5"></noscript>
<script src="/chat.js" defer></script>
</head>
<body>
<header><h1>${title}</h1>
<nav aria-label="Rooms"><a href="/">All rooms</a>${rooms.map(
    room => html` <a href="/room/${encodeURIComponent(room)}">${room}</a>`,
  )}</nav></header>
<main>${messageList(messages)}</main>
</body>
</html>`;
}

/** The part of the page that changes; the script of the page asks for it alone. */
export function messageList(messages: readonly ChatMessage[]): Html {
  const newest = messages.at(-1)?.id ?? 0;
  return html`<div id="log" role="log" aria-label="Messages" tabindex="0" data-newest="${newest}">${
    messages.length === 0
      ? html`<p class="quiet">Nothing yet. When somebody asks for access, the people who answer for it are told
          here.</p>`
      : messages.map(message)
  }</div>`;
}

export function notFoundPage(): Html {
  return chatPage('No such page', [], []);
}

function message(one: ChatMessage): Html {
  const at = html`<time datetime="${one.at.toISOString()}">${one.at.toISOString().slice(11, 19)} UTC</time>`;
  if (one.refusal !== null) {
    return html`<article class="refused" id="m${one.id}"><p class="quiet">${one.room} · ${at}</p>
      <p><strong>Refused:</strong> ${one.refusal} Its content is not shown.</p></article>`;
  }
  const how = one.via === 'webhook' ? html` · <span>signature verified</span>` : '';
  return html`<article id="m${one.id}"><p class="quiet"><strong>Sallyport</strong> in ${one.room} · ${at}${how}</p>
    ${one.parts.map(part)}</article>`;
}

function part(one: Part): Html {
  switch (one.kind) {
    case 'heading':
      return html`<h2>${one.spans.map(span)}</h2>`;
    case 'paragraph':
      return html`<p class="words">${one.spans.map(span)}</p>`;
    case 'context':
      return html`<p class="words quiet">${one.spans.map(span)}</p>`;
    case 'divider':
      return html`<hr>`;
    case 'buttons':
      return html`<p class="buttons">${one.links.map(
        link =>
          html`<a class="button ${link.primary ? 'primary' : ''}" href="${link.url}" target="_blank"
            rel="noopener noreferrer">${link.text}</a> `,
      )}</p>`;
  }
}

function span(one: Span): Html | string {
  switch (one.kind) {
    case 'text':
      return one.text;
    case 'bold':
      return html`<strong>${one.text}</strong>`;
    case 'italic':
      return html`<em>${one.text}</em>`;
    case 'code':
      return html`<code>${one.text}</code>`;
    case 'mention':
      return html`<mark>${one.text}</mark>`;
    case 'link':
      return html`<a href="${one.url}" target="_blank" rel="noopener noreferrer">${one.text}</a>`;
  }
}

/** Looks every second for something new, and never moves the focus of somebody who is about to click. */
export const CHAT_JS = `
const room = location.pathname;
async function look() {
  const log = document.getElementById('log');
  try {
    const answer = await fetch('/messages?room=' + encodeURIComponent(room));
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById('log');
    if (fresh && fresh.dataset.newest !== log.dataset.newest) {
      const known = new Set([...log.querySelectorAll('article')].map(one => one.id));
      log.querySelectorAll(':scope > p').forEach(one => one.remove());
      fresh.querySelectorAll('article').forEach(one => { if (!known.has(one.id)) log.append(one); });
      log.dataset.newest = fresh.dataset.newest;
      log.lastElementChild?.scrollIntoView({ block: 'nearest' });
    }
  } catch { /* the demo may be restarting; the next look will tell */ }
  setTimeout(look, 1000);
}
document.getElementById('log').lastElementChild?.scrollIntoView({ block: 'nearest' });
setTimeout(look, 1000);
`;

/** Neither party's colour: the room belongs to both. */
export const CHAT_CSS = `
:root { --ink: #1c1f26; --quiet: #525866; --paper: #fff; --card: #f3f4f7; --line: #8a90a0; --link: #1f4e9c;
  --strong: #24272f; --on-strong: #fff; --bad: #a11a1a; --mark: #fff0b8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ebf1; --quiet: #adb3c2; --paper: #14161b; --card: #1e2129; --line: #6c7384; --link: #9cc2ff;
    --strong: #e9ebf1; --on-strong: #14161b; --bad: #ff9c94; --mark: #574600; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header, main { max-width: 34rem; margin: 0 auto; padding: .75rem 1rem; }
h1 { font-size: 1.25rem; margin: 0; }
h2 { font-size: 1.0625rem; margin: .25rem 0; }
nav a { display: inline-block; padding: .25rem .5rem .25rem 0; }
a { color: var(--link); }
article { margin: .75rem 0; padding: .75rem; background: var(--card); border-radius: .5rem; }
article.refused { border: 1px solid var(--bad); }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.words { white-space: pre-wrap; }
.quiet { color: var(--quiet); font-size: .875rem; }
mark { color: inherit; background: var(--mark); }
code { font: .95em ui-monospace, monospace; }
.buttons { margin: .5rem 0 .25rem; }
.button { display: inline-block; min-height: 2.75rem; padding: .55rem 1rem; font-weight: 600; text-decoration: none;
  color: var(--ink); border: 2px solid var(--line); border-radius: .375rem; }
.button.primary { color: var(--on-strong); background: var(--strong); border-color: var(--strong); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;
