import { expect, test } from 'vitest';
import { bannedNames } from './banned-names.ts';

test.for([
  'server/src/utils/dates.ts',
  'server/src/outbox/helpers.ts',
  'server/src/outbox/claim-helper.ts',
  'server/src/domain/devices/session-manager.ts',
  'server/src/common/index.ts',
  'server/src/outbox/claim-v2.ts',
  'server/src/http/v1/leads.ts',
  'server/src/outbox/optimized-claim.test.ts',
  'server/src/outbox/ClaimRows.ts',
  'server/src/outbox/claim_rows.ts',
])('%s is refused', (file) => {
  expect(bannedNames(file)).not.toEqual([]);
});

test.for([
  'server/src/database/migrations/0001-foundation.ts',
  'server/src/whatsapp/client.ts',
  'simulator/src/transport/frames.test.ts',
  '.dependency-cruiser.mjs',
])('%s is a fine name', (file) => {
  expect(bannedNames(file)).toEqual([]);
});
