import type { CredentialKind } from './contract.ts';
import { sshCertificate } from './ssh-certificate.ts';

/** By the protocol whose sessions they open. */
export const credentialKinds = {
  ssh: sshCertificate,
} as const satisfies Record<string, CredentialKind>;
