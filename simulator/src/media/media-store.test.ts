import { expect, test } from 'vitest';
import { MediaStore } from './media-store.ts';

test('the oldest blobs make room, and a blob uploaded again counts once', () => {
  const store = new MediaStore(10);
  store.put('/a', Buffer.alloc(4));
  store.put('/b', Buffer.alloc(4));
  store.put('/b', Buffer.alloc(6));
  expect(store.get('/a')).toBeDefined();
  store.put('/c', Buffer.alloc(3));
  expect(store.get('/a')).toBeUndefined();
  expect(store.get('/b')).toHaveLength(6);
  store.put('/d', Buffer.alloc(50));
  expect(store.get('/b')).toBeUndefined();
  expect(store.get('/d')).toHaveLength(50);
});
