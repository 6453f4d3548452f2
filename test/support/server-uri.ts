import pg from 'pg';

/** The migrated database that every test database is a clone of. */
export const templateDatabase = 'template_sambad';

/** A user whose password is "right". */
export const guardedUser = 'guarded';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresSocketFolder: string;
  }
}

/** A URI of one database on the server behind this socket. */
export function databaseUri(socketFolder: string, name: string): string {
  return `postgresql://sambad@localhost/${name}?host=${encodeURIComponent(socketFolder)}`;
}

/** Runs one statement on the server's own database, such as one that makes or drops another. */
export async function onServer(socketFolder: string, statement: string): Promise<void> {
  const client = new pg.Client({ host: socketFolder, user: 'sambad', database: 'sambad' });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
