import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { migrations } from '../../server/src/database/migrations/index.ts';

const document = readFileSync(path.resolve(import.meta.dirname, '../../docs/state-machines.md'), 'utf8');
const schema = migrations.map((migration) => migration.sql).join('\n');

const machines = [
  { heading: 'Device', table: 'user_devices', column: 'state' },
  { heading: 'Message', table: 'broadcast_messages', column: 'status' },
  { heading: 'Job', table: 'broadcast_jobs', column: 'state' },
];

test.for(machines)(
  '$heading: the document names the states that $table accepts',
  ({ heading, table, column }) => {
    const accepted = statesInSchema(table, column);
    const section = sectionOf(heading);
    expect(accepted.length).toBeGreaterThan(1);
    expect(statesInTable(section, column === 'state' ? 'state' : 'status')).toEqual(accepted);
    expect(statesInDiagram(section)).toEqual(accepted);
  },
);

/** The values of `check (column in ('…'))`, as the newest migration that states them has it. */
function statesInSchema(table: string, column: string): string[] {
  const statements = schema
    .split(';')
    .filter((sql) => new RegExp(`\\b(create|alter) table ${table}\\b`).test(sql));
  const checks = statements.flatMap((sql) => [
    ...sql.matchAll(new RegExp(`check \\(${column} in \\(([^)]*)\\)`, 'g')),
  ]);
  const values = checks.at(-1)?.[1] ?? '';
  return [...values.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]!).sort();
}

function sectionOf(heading: string): string {
  const section = document.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (!section) throw new Error(`docs/state-machines.md has no section "${heading}"`);
  return section;
}

/** The first column of the table whose header begins with `head`. */
function statesInTable(section: string, head: string): string[] {
  const [, rows = ''] =
    new RegExp(`^\\| ${head} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, 'm').exec(section) ?? [];
  return [...rows.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]!).sort();
}

function statesInDiagram(section: string): string[] {
  const edges = [...section.matchAll(/^ {2}(\S+) --> ([a-z_]+|\[\*\])/gm)];
  const names = edges.flatMap(([, from, to]) => [from!, to!]).filter((name) => name !== '[*]');
  return [...new Set(names)].sort();
}
