import type { Adapter, AdapterPayload } from 'oidc-provider';

const MOST_ENTRIES = 20_000;

interface Entry {
  payload: AdapterPayload;
  expires: number;
}

/**
 * Where a demo provider keeps its sessions, codes and tokens: in memory, bounded, gone at the end. When it is
 * full the oldest entry goes, so somebody may have to sign in again; nothing worse.
 */
export function memoryAdapter(): (model: string) => Adapter {
  const entries = new Map<string, Entry>();

  const live = (key: string): AdapterPayload | undefined => {
    const entry = entries.get(key);
    if (!entry) return undefined;
    if (entry.expires > Date.now()) return entry.payload;
    entries.delete(key);
    return undefined;
  };
  const first = (model: string, matches: (payload: AdapterPayload) => boolean) => {
    for (const key of entries.keys()) {
      if (!key.startsWith(`${model}:`)) continue;
      const payload = live(key);
      if (payload && matches(payload)) return payload;
    }
    return undefined;
  };

  return model => ({
    async upsert(id, payload, expiresIn) {
      const key = `${model}:${id}`;
      const expires = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000;
      // Written again at the end of the map, so that "oldest" means "not touched for the longest time".
      entries.delete(key);
      entries.set(key, { payload, expires });
      for (const oldest of entries.keys()) {
        if (entries.size <= MOST_ENTRIES) break;
        entries.delete(oldest);
      }
    },
    async find(id) {
      return live(`${model}:${id}`);
    },
    async findByUid(uid) {
      return first(model, payload => payload.uid === uid);
    },
    async findByUserCode(userCode) {
      return first(model, payload => payload.userCode === userCode);
    },
    async consume(id) {
      const payload = live(`${model}:${id}`);
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
    },
    async destroy(id) {
      entries.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of entries) {
        if (key.startsWith(`${model}:`) && payload.grantId === grantId) entries.delete(key);
      }
    },
  });
}
