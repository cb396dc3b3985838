import type { Protocol } from './contract.ts';
import { ssh } from './ssh/listener.ts';

/** Every protocol there is, by the name that the configuration uses. */
export const protocols = { ssh } as const satisfies Record<string, Protocol>;
