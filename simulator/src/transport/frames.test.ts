import { NOISE_WA_HEADER } from 'baileys';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, frameOf } from './frames.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 12 });
const routing = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined });

function streamOf(frames: Uint8Array[], routingInfo: Uint8Array | undefined): Buffer {
  const prefix =
    routingInfo === undefined ? [] : [Buffer.from([0x45, 0x44, 0x00, 0x01]), frameOf(routingInfo)];
  return Buffer.concat([...prefix, NOISE_WA_HEADER, ...frames.map(frameOf)]);
}

function cut(stream: Buffer, cuts: number[]): Buffer[] {
  const edges = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return edges.slice(1).map((edge, index) => stream.subarray(edges[index]!, edge));
}

test('frames come out whole and in order for any chunking of the stream', () => {
  fc.assert(
    fc.property(payloads, routing, fc.array(fc.nat(), { maxLength: 40 }), (frames, routingInfo, cuts) => {
      const reader = new FrameReader();
      const received = cut(streamOf(frames, routingInfo), cuts).flatMap((chunk) => reader.push(chunk));
      expect(received.map((frame) => frame.toString('hex'))).toEqual(
        frames.map((frame) => Buffer.from(frame).toString('hex')),
      );
    }),
  );
});

test('a frame longer than two length bytes can say arrives whole from single bytes', () => {
  const payload = Buffer.alloc(70_000, 7);
  const stream = streamOf([payload], undefined);
  const reader = new FrameReader();
  const received = cut(
    stream,
    Array.from({ length: 500 }, (_, index) => index * 140),
  ).flatMap((chunk) => reader.push(chunk));
  expect(received).toHaveLength(1);
  expect(received[0]!.equals(payload)).toBe(true);
});

test('a stream that is not a WhatsApp client is refused', () => {
  expect(() => new FrameReader().push(Buffer.from('GET / HTTP/1.1'))).toThrow(/introduction/);
});
