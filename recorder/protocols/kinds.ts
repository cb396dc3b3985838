import type { Protocol as Name } from '../../src/domain/protocol.ts';
import type { Probe, Protocol } from './contract.ts';
import { probe as postgres } from './postgres/probe.ts';
import { ssh } from './ssh/listener.ts';
import { probe as sshProbe } from './ssh/probe.ts';
import { probe as web } from './web/probe.ts';

/** Every protocol there is, by the name that the configuration uses. */
export const protocols = { ssh } as const satisfies Record<string, Protocol>;

/** How a target of each is tried; also of those that no session can be opened to yet. */
export const probes: Readonly<Record<Name, Probe>> = { ssh: sshProbe, postgres, web };
