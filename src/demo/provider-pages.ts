import { html } from 'hono/html';
import type { Party } from '../domain/party.ts';

/** What a page shows; hono's `html` escapes all of it. */
export type Html = ReturnType<typeof html>;

export interface ShownPerson {
  readonly name: string;
  readonly email: string;
  readonly role?: string;
  readonly password: string;
}

interface House {
  readonly party: Party;
  readonly partyName: string;
}

/**
 * The sign-in form of one provider. `people` is given when their passwords may be seen: each then has a form of
 * their own with one button, so that a newcomer needs to type nothing.
 */
export function signInPage(
  house: House,
  form: { action: string; email: string; failure?: string; asking?: string; people?: readonly ShownPerson[] },
): Html {
  const why = form.asking ? html`<p class="quiet">${form.asking} wants to know who you are.</p>` : '';
  const failure = form.failure ? html`<p class="failure" role="alert" id="failure">${form.failure}</p>` : '';
  const describedBy = form.failure ? html`aria-invalid="true" aria-describedby="failure"` : '';
  return page(
    house,
    'Sign in',
    html`<h1>Sign in to ${house.partyName}</h1>
      ${why}${failure}
      <form method="post" action="${form.action}" class="sign-in">
        <label for="email">Email</label>
        <input id="email" name="email" type="email" autocomplete="username" required maxlength="200"
          value="${form.email}" ${describedBy}>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required
          maxlength="200" ${describedBy}>
        <button type="submit">Sign in</button>
      </form>
      ${form.people ? people(form.action, form.people) : ''}`,
  );
}

function people(action: string, list: readonly ShownPerson[]): Html {
  return html`<section aria-labelledby="people">
    <h2 id="people">People of the demo</h2>
    <p class="quiet">Their passwords were made at this start and work nowhere else.</p>
    <ul class="people">
      ${list.map(
        person => html`<li>
          <p><strong>${person.name}</strong>${person.role ? html`, ${person.role}` : ''}</p>
          <p class="quiet">${person.email} · password <code>${person.password}</code></p>
          <form method="post" action="${action}">
            <input type="hidden" name="email" value="${person.email}">
            <input type="hidden" name="password" value="${person.password}">
            <button type="submit" class="light">Sign in as ${person.name.split(' ')[0]}</button>
          </form>
        </li>`,
      )}
    </ul>
  </section>`;
}

/** What stands at the provider's own address. */
export function homePage(house: House, issuer: string, signOut: string): Html {
  return page(
    house,
    'Identity provider',
    html`<h1>${house.partyName}: identity provider</h1>
      <p>This is where people of ${house.partyName} prove who they are. It is a real OpenID Connect provider
        that runs with the demo, and ends with it.</p>
      <p>Issuer: <code>${issuer}</code></p>
      <p>To be somebody else of ${house.partyName}, <a href="${signOut}">sign out here</a> first.</p>`,
  );
}

/** `form` is the provider's own, with its secret; the buttons belong to it by its id. */
export function signOutPage(house: House, form: Html): Html {
  return page(
    house,
    'Sign out',
    html`<h1>Sign out of ${house.partyName}?</h1>
      <p>Programs that asked to be told will end your sessions there too.</p>
      ${form}
      <p class="buttons">
        <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
        <button type="submit" form="op.logoutForm" class="light">Stay signed in</button>
      </p>`,
  );
}

export function signedOutPage(house: House): Html {
  return page(
    house,
    'Signed out',
    html`<h1>You are signed out</h1>
      <p>${house.partyName} no longer knows this browser. Close this page, or go back to where you came from
        to sign in again.</p>`,
  );
}

/** An error in three parts: what happened, what did not, what to do. */
export function errorPage(house: House, happened: string, remedy: string): Html {
  return page(
    house,
    'Not signed in',
    html`<h1>That did not work</h1>
      <p role="alert">${happened}</p>
      <p>You have not been signed in. ${remedy}</p>`,
  );
}

function page(house: House, title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en" data-party="${house.party}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${house.partyName}</title>
<link rel="stylesheet" href="/provider.css">
<link rel="icon" href="data:,">
</head>
<body>
<header><span class="party">${house.partyName}</span> <span>${house.party === 'msp' ? 'MSP' : 'Client'}</span></header>
<main>${body}</main>
</body>
</html>`;
}

/** One hue a party, as everywhere in the product: indigo for the MSP, teal for the client. */
export const PROVIDER_CSS = `
:root { --ink: #1c1f26; --quiet: #525866; --paper: #fff; --line: #8a90a0; --soft: #f3f4f7; --bad: #a11a1a; }
[data-party=msp] { --party: #3d3bb3; --on-party: #fff; }
[data-party=client] { --party: #0b6b63; --on-party: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ebf1; --quiet: #adb3c2; --paper: #14161b; --line: #6c7384; --soft: #1e2129; --bad: #ff9c94; }
  [data-party=msp] { --party: #b1b3ff; --on-party: #14142e; }
  [data-party=client] { --party: #62d8c9; --on-party: #04211e; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { padding: .75rem 1rem; background: var(--party); color: var(--on-party); }
header .party { font-weight: 700; margin-right: .5rem; }
main { max-width: 30rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.125rem; margin-top: 2rem; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--party); }
code { font: .95em ui-monospace, monospace; }
label { display: block; margin-top: .75rem; font-weight: 600; }
input:not([type=hidden]) { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: .375rem; }
button { min-height: 2.75rem; padding: .5rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-party); background: var(--party); border: 2px solid var(--party); border-radius: .375rem; }
button.light { color: var(--party); background: transparent; }
.sign-in button { width: 100%; margin-top: 1rem; }
.quiet { color: var(--quiet); }
.failure { padding: .5rem .75rem; color: var(--bad); border: 1px solid var(--bad); border-radius: .375rem; }
.people { list-style: none; padding: 0; }
.people code { white-space: nowrap; }
.people li { padding: .75rem; margin: .75rem 0; background: var(--soft); border-radius: .5rem; }
.buttons { display: flex; gap: .75rem; flex-wrap: wrap; }
:focus-visible { outline: 3px solid var(--party); outline-offset: 2px; }
header :focus-visible { outline-color: var(--on-party); }
`;
