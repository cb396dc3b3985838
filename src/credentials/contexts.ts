/**
 * What each sealed secret is, and whose. A new one gets its line here, and in `store/reseal.ts`, which seals all of
 * them again when the key changes.
 */
export const contextOf = {
  authority: (tenant: string, protocol: string) => `ca/${tenant}/${protocol}`,
  idToken: (webSession: string) => `id-token/${webSession}`,
  logKey: (tenant: string) => `log/${tenant}`,
  gatewayHostKey: 'gateway/host',
  /** `{ sealed: … }` in sallyport.yaml. */
  configuration: 'configuration',
  /** The digest of a backup's manifest. */
  backup: 'backup/manifest',
} as const;
