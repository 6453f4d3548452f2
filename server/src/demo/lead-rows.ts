import { type Random, seededRandom } from '../platform/random.ts';

const header = 'name,phone,niche,target_status,additional_note,city';

const firstNames = [
  'Aisyah',
  'Ali',
  'Amirul',
  'Chong Wei',
  'Devi',
  'Farah',
  'Gopal',
  'Hafiz',
  'Hui Min',
  'Intan',
  'Jason',
  'Kavitha',
  'Lim',
  'Mei Ling',
  'Nadia',
  'Nurul',
  'Prakash',
  'Rahim',
  'Siti',
  'Wei Jie',
];
const familyNames = [
  'Abdullah',
  'Osman',
  'Chan',
  'Fernandez',
  'Ibrahim',
  'Kaur',
  'Lee',
  'Menon',
  'Rahman',
  'Tan',
];
const cities = ['Ipoh', 'Johor Bahru', 'Kuala Lumpur', 'Kuching', 'Melaka', 'Penang'];
const niches = ['BATIK', 'KUIH', '"BATIK,KUIH"', 'KOPI', '"KOPI,KUIH"'];
const notes = ['', '', 'Regular', '"Asked for size M, blue"', '"Said ""call me first"""'];

/** After this many leads comes a row that cannot become one: an import must report it and go on. */
const badRows = new Map([
  [3, 'Nobody,12345,BATIK,prospect,,Ipoh'],
  [7, ',012-555 7777,KUIH,prospect,,Melaka'],
]);

/** Every 24th number ends in 0000, which the simulator takes as not being on WhatsApp. */
const unregisteredEvery = 24;

/**
 * A CSV file of `count` leads as people keep them: local and international phone forms, quoted commas, some numbers that
 * are not on WhatsApp, and two rows that are no leads. The same count always gives the same text, and a shorter file
 * is the beginning of a longer one; examples/leads.csv is the one of 500.
 */
export function leadRows(count: number): string {
  const random = seededRandom('sambad example leads');
  const lines = [header];
  for (let place = 1; place <= count; place++) {
    lines.push(leadRow(place, random));
    const bad = badRows.get(place);
    if (bad) lines.push(bad);
  }
  return `${lines.join('\n')}\n`;
}

function leadRow(place: number, random: Random): string {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random.float() * choices.length)] as T;
  const name = `${pick(firstNames)} ${pick(familyNames)}`;
  const phone = phoneForm(place, subscriber(place));
  return [
    name,
    phone,
    pick(niches),
    random.float() < 0.8 ? 'prospect' : 'customer',
    pick(notes),
    pick(cities),
  ].join(',');
}

/** Seven digits that are different for each place, up to 19,000 places. */
function subscriber(place: number): string {
  if (place % unregisteredEvery === 0) return `${200 + ((place / unregisteredEvery) % 800)}0000`;
  return `${200 + Math.floor(place / 250)}${1000 + (place % 9000)}`;
}

function phoneForm(place: number, digits: string): string {
  const spaced = `${digits.slice(0, 3)} ${digits.slice(3)}`;
  return [`012-${spaced}`, `+60 12-${spaced}`, `012${digits}`, `6012${digits}`][place % 4] ?? digits;
}
