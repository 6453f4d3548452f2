import { Liquid, type Template } from 'liquidjs';
import { messageOf, SambadError } from '../platform/errors.ts';

/** The fields of a lead that a template may name; custom attributes are reached as `attributes.name`. */
export interface TemplateFields {
  name: string;
  phone: string;
  niche: string;
  note: string;
  attributes: Record<string, unknown>;
}

const knownFields: readonly (keyof TemplateFields)[] = ['name', 'phone', 'niche', 'note', 'attributes'];

/** Templates come from users, so they get no files, no inherited properties, and bounded work and memory. */
const liquid = new Liquid({
  ownPropertyOnly: true,
  strictFilters: true,
  parseLimit: 64 * 1024,
  renderLimit: 50,
  memoryLimit: 1_000_000,
  relativeReference: false,
  templates: {},
});

/**
 * A checked template. Throws `bad_input` with a sentence when it cannot be read, names an unknown field, or includes another file.
 */
export function parseTemplate(source: string, field: string): Template[] {
  let parsed: Template[];
  let names: string[];
  try {
    parsed = liquid.parse(source);
    names = liquid.globalVariablesSync(parsed);
  } catch (error) {
    throw new SambadError('bad_input', `The message template cannot be read: ${messageOf(error)}`, {
      field,
      cause: error,
    });
  }
  const unknown = names.find((name) => !knownFields.some((known) => known === name));
  if (unknown) {
    throw new SambadError(
      'bad_input',
      `The message template uses "${unknown}", which no lead has; it may use ${knownFields.join(', ')}.`,
      { field },
    );
  }
  return parsed;
}

/**
 * Fills a template for one lead. Throws what LiquidJS throws, for a template that cannot be filled. The limit on its work counts time, which
 * a busy machine may have given to others: only a template that is too slow twice is.
 */
export function fillTemplate(template: Template[], fields: TemplateFields): string {
  try {
    return String(liquid.renderSync(template, fields));
  } catch (error) {
    if (!messageOf(error).includes('render limit exceeded')) throw error;
    return String(liquid.renderSync(template, fields));
  }
}
