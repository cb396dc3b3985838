/** The same work for the same key is done once. */
export function memo<T>(work: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return key => {
    if (!known.has(key)) known.set(key, work(key));
    return known.get(key)!;
  };
}
