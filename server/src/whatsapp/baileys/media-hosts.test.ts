import type { BinaryNode } from 'baileys';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { MediaHosts } from './media-hosts.ts';

function answer(auth: string): BinaryNode {
  const host: BinaryNode = { tag: 'host', attrs: { hostname: 'media.example' } };
  return {
    tag: 'iq',
    attrs: {},
    content: [{ tag: 'media_conn', attrs: { auth, ttl: '60' }, content: [host] }],
  };
}

/** Hosts that answer as listed, one answer per query; undefined is a query that timed out. */
function hostsAnswering(answers: (BinaryNode | undefined)[]): { hosts: MediaHosts; pass(ms: number): void } {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const hosts = new MediaHosts({ query: async () => answers.shift() }, clock);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { hosts, pass };
}

test('an answer serves until its time to live ends or a new one is demanded', async () => {
  const { hosts, pass } = hostsAnswering([answer('a'), answer('b'), answer('c')]);
  expect(await hosts.get(false)).toMatchObject({ auth: 'a', hosts: [{ hostname: 'media.example' }] });
  expect(await hosts.get(false)).toMatchObject({ auth: 'a' });
  pass(60_000);
  expect(await hosts.get(false)).toMatchObject({ auth: 'b' });
  expect(await hosts.get(true)).toMatchObject({ auth: 'c' });
});

test('a query that failed is forgotten', async () => {
  const { hosts } = hostsAnswering([undefined, answer('a')]);
  await expect(hosts.get(false)).rejects.toThrow('no media hosts');
  expect(await hosts.get(false)).toMatchObject({ auth: 'a' });
});
