import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** Some countries have shorter or longer numbers; E.164, and WhatsApp with it, has not. */
const e164 = /^\+(\d{7,15})$/;

/**
 * Digits with calling code and no plus sign, from an international or a local form ("012-345 6789" in Malaysia).
 * Undefined when it is no phone number of any country.
 */
export function normalisePhone(text: string, defaultCountry: string): string | undefined {
  const country: CountryCode | undefined = isSupportedCountry(defaultCountry) ? defaultCountry : undefined;
  const parsed = parsePhoneNumberFromString(text, country ? { defaultCountry: country } : {});
  if (parsed?.isValid()) return e164.exec(parsed.number)?.[1];
  // People also write the international form without its plus sign.
  const international = /^[1-9]/.test(text.trim()) ? parsePhoneNumberFromString(`+${text}`) : undefined;
  return international?.isValid() ? e164.exec(international.number)?.[1] : undefined;
}
