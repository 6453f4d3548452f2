import { BadRequest } from '../transport/request-body.ts';

/** The fields of a JSON body, read one by one; every mistake becomes a sentence that names the field. */
export class Fields {
  readonly #values: Record<string, unknown>;

  constructor(body: string) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body === '' ? '{}' : body);
    } catch {
      throw new BadRequest('the body is not JSON');
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new BadRequest('the body must be a JSON object');
    }
    this.#values = parsed as Record<string, unknown>;
  }

  /** Refuses fields that nothing reads, which are most often misspelt. */
  allow(...names: string[]): this {
    const unknown = Object.keys(this.#values).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new BadRequest(`${unknown} is not a field here: known are ${names.join(', ')}`);
    return this;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string' || value === '')
      throw new BadRequest(`${name} must be a text that is not empty`);
    return value;
  }

  /** A phone number: digits only. */
  phone(name: string): string {
    const value = this.optionalPhone(name);
    if (value === undefined) throw new BadRequest(`${name} is missing: a phone number, digits only`);
    return value;
  }

  optionalPhone(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || !/^\d+$/.test(value)) {
      throw new BadRequest(`${name} must be a phone number as a text of digits only`);
    }
    return value;
  }

  /** A whole number of at least `min`; `fallback` when absent. */
  whole(name: string, min: number, fallback?: number): number {
    const value = this.#values[name] ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < min) {
      throw new BadRequest(`${name} must be a whole number of at least ${min}`);
    }
    return value as number;
  }

  flag(name: string): boolean {
    const value = this.#values[name] ?? false;
    if (typeof value !== 'boolean') throw new BadRequest(`${name} must be true or false`);
    return value;
  }

  value(name: string): unknown {
    return this.#values[name];
  }
}
