/** The pages about one engagement's matrix, by the address under `/matrix`. */
const TABS = { '': 'Grid', '/swimlane': 'Swimlane', '/proposals': 'Versions' } as const;

export function MatrixTabs({ tenant, here }: { tenant: string; here: keyof typeof TABS }) {
  return (
    <nav class="tabs" aria-label="About this matrix">
      {Object.entries(TABS).map(([path, name]) => (
        <a
          href={`/matrix${path}?tenant=${encodeURIComponent(tenant)}`}
          {...(path === here ? { 'aria-current': 'page' as const } : {})}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}

/** The other engagements of whoever reads. */
export function OtherEngagements({
  tenants,
  here,
  path,
}: {
  tenants: readonly string[];
  here: string;
  path: string;
}) {
  const others = tenants.filter(tenant => tenant !== here);
  if (others.length === 0) return null;
  return (
    <nav aria-label="Engagements" class="engagements">
      Others:{' '}
      {others.map(tenant => (
        <a href={`${path}?tenant=${encodeURIComponent(tenant)}`}>{tenant}</a>
      ))}
    </nav>
  );
}
