import { bigint, customType, timestamp } from 'drizzle-orm/pg-core';

/** How the tables keep bytes, moments (milliseconds, in UTC) and counts past 2^31. */

export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
export const count = (name: string) => bigint(name, { mode: 'number' });
