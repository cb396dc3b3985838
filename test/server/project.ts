import type { TestProjectConfiguration } from 'vitest/config';

/** These bring the PostgreSQL that they do things to, so the server's is not theirs. */
export const BRING_THEIR_OWN = [
  'the-broker-as-a-process',
  'the-database-goes-away',
  'the-data-disk-runs-full',
  'the-disk-fails',
];

/**
 * What is looked at here comes after the rows were read, or before any are, and is the same whoever runs the database.
 * `npm test` has these on the embedded one alone; `npm run test:server` has them on the server too.
 */
export const THE_SAME_ON_ANY = [
  // Sign-in by the link of the gateway: the terminal's part; its tables are the browser's, which the others use.
  'a-client-with-nothing-installed',
  // Probes of targets, calendars and what is printed of them.
  'before-the-change-window',
  // The broker's clock is moved, and the target's; that ends are written once stands in two-brokers and time-decides.
  'clocks-jump',
  // How pages look in Chromium.
  'every-page-in-a-browser',
  // The command line's part of it; codes, tokens and their races stand in nobody-else-signs-in-a-terminal.
  'signing-in-from-a-terminal',
  // The document, and what is refused before anything is read.
  'the-api-describes-itself',
  // Headers, paths, bodies and addresses.
  'the-web-is-hostile',
  // How words are shown on pages, in the chat and in terminals.
  'what-people-write-stays-words',
];

/** The journeys on a PostgreSQL that somebody else runs, but for those whose file name fits `but`. */
export const onServer = (but: string): TestProjectConfiguration => ({
  extends: true,
  test: {
    name: 'server',
    include: ['test/{journeys,server}/**/*.test.ts'],
    exclude: [`test/journeys/${but}.test.ts`],
    globalSetup: 'test/fixtures/server.ts',
  },
});
