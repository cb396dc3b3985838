/** One of the two organisations of an engagement. Each signs in at its own OIDC issuer. */
export type Party = 'msp' | 'client';

export const PARTIES: readonly Party[] = ['msp', 'client'];

export const otherParty = (party: Party): Party => (party === 'msp' ? 'client' : 'msp');
