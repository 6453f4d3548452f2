import { expect, test } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { fillTemplate, parseTemplate } from './template.ts';

const ali = { name: 'Ali', phone: '60123456789', niche: 'BATIK', note: '', attributes: { city: 'Ipoh' } };

test('fills the fields of a lead and the defaults of what is missing', () => {
  const template = parseTemplate(
    'Hi {{ name | default: "friend" }} of {{ attributes.city }}{{ note | default: "!" }}',
    'message',
  );
  expect(fillTemplate(template, ali)).toBe('Hi Ali of Ipoh!');
  expect(fillTemplate(template, { ...ali, name: '' })).toBe('Hi friend of Ipoh!');
});

test.each([
  ['Hi {{ nmae }}', /uses "nmae", which no lead has/],
  ['Hi {{ name', /cannot be read/],
  ['{{ name | shout }}', /cannot be read|undefined filter/],
  ['{% include "/etc/passwd" %}', /cannot/],
])('refuses %s when it is saved', (source, sentence) => {
  expect(() => fillTemplate(parseTemplate(source, 'message'), ali)).toThrow(sentence);
});

test('a template cannot reach what a lead only inherits', () => {
  const template = parseTemplate('{{ attributes.constructor }}{{ name.constructor }}', 'message');
  expect(fillTemplate(template, ali)).toBe('');
});

/** A lead whose name takes longer to read than a template may take, so many times. */
function slowLead(times: number): typeof ali {
  let left = times;
  return Object.defineProperty({ ...ali }, 'name', {
    enumerable: true,
    get() {
      const startedMs = systemClock.monotonicMs();
      if (left-- > 0) while (systemClock.monotonicMs() - startedMs < 80);
      return 'Ali';
    },
  });
}

test('a pause of the machine while a template is filled costs no message; a template that is always slow is refused', () => {
  const template = parseTemplate('Hi {{ name }} of {{ phone }}', 'message');
  expect(fillTemplate(template, slowLead(1))).toBe('Hi Ali of 60123456789');
  expect(() => fillTemplate(template, slowLead(2))).toThrow(/render limit exceeded/);
});
