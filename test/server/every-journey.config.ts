import { defineConfig } from 'vitest/config';
import whole from '../../vitest.config.ts';
import { BRING_THEIR_OWN, onServer } from './project.ts';

/** `npm run test:server`: every journey that a server's PostgreSQL can be put under. */
export default defineConfig({
  test: { ...whole.test, projects: [onServer(`{${BRING_THEIR_OWN.join(',')}}`)] },
});
