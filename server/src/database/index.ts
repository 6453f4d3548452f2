/** The public face of the database: what the rest of the server may import. */
export { createDatabase, type DatabaseOptions, type DatabaseService } from './database.ts';
export { isFenced } from './fence.ts';
export type { Db } from './pool.ts';
export { isRefusal } from './refusal.ts';
export { type RootKeySource, resolveRootKey } from './root-key.ts';
export type * from './schema.ts';
export { type Reader, retrying, type Transactor, transaction } from './transaction.ts';
