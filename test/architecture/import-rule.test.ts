import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { brokenImports, ruleNames } from './import-rule.ts';

/** One wrong import per rule: the file that imports, and what it imports. */
const offences: Record<string, { from: string; to: string }[]> = {
  'platform-imports-nothing-of-ours': [
    { from: 'server/src/platform/clock.ts', to: 'server/src/config/config.ts' },
    { from: 'server/src/platform/clock.ts', to: 'server/src/app.ts' },
  ],
  'config-imports-platform': [{ from: 'server/src/config/config.ts', to: 'server/src/database/pool.ts' }],
  'database-imports-platform': [{ from: 'server/src/database/pool.ts', to: 'server/src/config/config.ts' }],
  'jobs-import-platform-and-database': [
    { from: 'server/src/jobs/schedule.ts', to: 'server/src/domain/leads/index.ts' },
  ],
  'cluster-imports-platform-and-database': [
    { from: 'server/src/cluster/leases/solo.ts', to: 'server/src/whatsapp/client.ts' },
  ],
  'whatsapp-imports-platform-and-database': [
    { from: 'server/src/whatsapp/baileys/adapter.ts', to: 'server/src/outbox/index.ts' },
    { from: 'server/src/whatsapp/baileys/adapter.ts', to: 'server/src/cluster/lease.ts' },
  ],
  'outbox-imports-the-ports': [
    { from: 'server/src/outbox/send.ts', to: 'server/src/whatsapp/baileys/adapter.ts' },
    { from: 'server/src/outbox/send.ts', to: 'server/src/cluster/leases/solo.ts' },
    { from: 'server/src/outbox/send.ts', to: 'server/src/domain/leads/index.ts' },
    { from: 'server/src/outbox/send.ts', to: 'server/src/jobs/boss.ts' },
  ],
  'http-imports-slices': [
    { from: 'server/src/http/server.ts', to: 'server/src/database/pool.ts' },
    { from: 'server/src/http/routes/leads.ts', to: 'server/src/domain/leads/import.ts' },
  ],
  'slice-imports-what-it-stands-on': [
    { from: 'server/src/domain/leads/import.ts', to: 'server/src/whatsapp/client.ts' },
    { from: 'server/src/domain/leads/import.ts', to: 'server/src/cluster/lease.ts' },
    { from: 'server/src/domain/leads/import.ts', to: 'server/src/outbox/plan.ts' },
    { from: 'server/src/domain/leads/import.ts', to: 'server/src/config/config.ts' },
  ],
  'devices-slice-imports-the-ports': [
    { from: 'server/src/domain/devices/reconcile.ts', to: 'server/src/whatsapp/baileys/adapter.ts' },
    { from: 'server/src/domain/devices/reconcile.ts', to: 'server/src/outbox/plan.ts' },
  ],
  'slices-meet-through-their-index': [
    { from: 'server/src/domain/campaigns/start.ts', to: 'server/src/domain/leads/import.ts' },
  ],
  'nothing-imports-http': [
    { from: 'server/src/domain/leads/import.ts', to: 'server/src/http/server.ts' },
    { from: 'server/src/platform/errors.ts', to: 'server/src/http/server.ts' },
  ],
  'ports-know-no-adapter': [
    { from: 'server/src/whatsapp/client.ts', to: 'server/src/whatsapp/baileys/adapter.ts' },
    { from: 'server/src/cluster/lease.ts', to: 'server/src/cluster/leases/solo.ts' },
  ],
  'every-folder-has-a-rule': [
    { from: 'server/src/extras/thing.ts', to: 'server/src/platform/clock.ts' },
    { from: 'server/src/thing.ts', to: 'server/src/platform/clock.ts' },
  ],
  'server-runs-without-the-simulator': [
    { from: 'server/src/demo/run.ts', to: 'simulator/src/index.ts' },
    { from: 'server/src/main.ts', to: '@sambad/simulator' },
  ],
  'simulator-never-imports-server': [
    { from: 'simulator/src/index.ts', to: 'server/src/platform/clock.ts' },
    { from: 'simulator/src/index.test.ts', to: 'server/src/platform/clock.ts' },
  ],
  'production-imports-no-test-code': [
    { from: 'server/src/main.ts', to: 'test/support/database.ts' },
    { from: 'server/src/platform/clock.ts', to: 'vitest' },
    { from: 'simulator/src/index.ts', to: 'simulator/src/noise.test.ts' },
  ],
  'baileys-only-in-its-adapter': [
    { from: 'server/src/outbox/send.ts', to: 'baileys' },
    { from: 'server/src/whatsapp/client.ts', to: 'baileys' },
    { from: 'server/src/outbox/send.test.ts', to: 'baileys' },
    { from: 'test/scenarios/kill.test.ts', to: 'baileys' },
    { from: 'bench/dispatch.ts', to: 'baileys' },
  ],
  'libsignal-only-in-the-adapter-and-the-simulator': [{ from: 'server/src/main.ts', to: 'libsignal' }],
  'no-cycles': [{ from: 'server/src/outbox/claim.ts', to: 'server/src/outbox/claim.ts' }],
};

/** Imports that the rules must let through; without them a rule that forbids everything would look right. */
const allowed = [
  { from: 'server/src/app.ts', to: 'server/src/whatsapp/baileys/adapter.ts' },
  { from: 'server/src/main.ts', to: 'server/src/http/server.ts' },
  { from: 'server/src/demo/run.ts', to: 'server/src/app.ts' },
  { from: 'server/src/outbox/send.ts', to: 'server/src/whatsapp/client.ts' },
  { from: 'server/src/outbox/send.ts', to: 'server/src/cluster/lease.ts' },
  { from: 'server/src/domain/devices/reconcile.ts', to: 'server/src/cluster/lease.ts' },
  { from: 'server/src/domain/campaigns/start.ts', to: 'server/src/outbox/index.ts' },
  { from: 'server/src/domain/campaigns/start.ts', to: 'server/src/domain/leads/index.ts' },
  { from: 'server/src/http/server.ts', to: 'server/src/domain/leads/index.ts' },
  { from: 'server/src/whatsapp/baileys/adapter.ts', to: 'baileys' },
  { from: 'server/src/whatsapp/baileys/adapter.test.ts', to: 'simulator/src/index.ts' },
  { from: 'simulator/src/index.ts', to: 'libsignal' },
  { from: 'test/scenarios/kill.test.ts', to: 'server/src/outbox/send.ts' },
  { from: 'test/scenarios/kill.test.ts', to: 'vitest' },
];

const cases = Object.entries(offences).flatMap(([rule, edges]) => edges.map((edge) => ({ rule, ...edge })));

test('every rule has a wrong import that proves it', () => {
  expect(Object.keys(offences).sort()).toEqual([...ruleNames].sort());
});

test.for(cases)('$rule: $from may not import $to', async ({ rule, from, to }) => {
  for (const form of ['value', 'type'] as const) {
    const broken = await brokenImports(treeWith([{ from, to }], form));
    expect(broken.map((entry) => entry.rule)).toEqual([rule]);
  }
});

test('a cycle of type imports over three files is found', async () => {
  const edges = ['a', 'b', 'c'].map((name, index, names) => ({
    from: `server/src/outbox/${name}.ts`,
    to: `server/src/outbox/${names[(index + 1) % 3]}.ts`,
  }));
  const broken = await brokenImports(treeWith(edges, 'type'));
  expect(new Set(broken.map((entry) => entry.rule))).toEqual(new Set(['no-cycles']));
});

test('the imports that the layout is made of are allowed', async () => {
  expect(await brokenImports(treeWith(allowed, 'value'))).toEqual([]);
});

test('this repository keeps the rule', async () => {
  expect(await brokenImports(path.resolve(import.meta.dirname, '../..'))).toEqual([]);
});

/** A temporary tree with the given imports between otherwise empty files and packages. */
function treeWith(edges: { from: string; to: string }[], form: 'value' | 'type'): string {
  const root = mkdtempSync(path.join(tmpdir(), 'import-rule-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const sources = new Map<string, string>();
  for (const { from, to } of edges) {
    const specifier = to.endsWith('.ts') ? `./${path.relative(path.dirname(from), to)}` : to;
    const line = `import ${form === 'type' ? 'type ' : ''}{ thing } from '${specifier}';\n`;
    sources.set(from, (sources.get(from) ?? '') + line);
    if (to.endsWith('.ts')) sources.set(to, sources.get(to) ?? 'export const thing = 1;\n');
    else sources.set(`node_modules/${to}/index.js`, 'export const thing = 1;\n');
  }
  for (const [file, source] of sources) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), source);
  }
  return root;
}
