import type { ErrorCode } from '../platform/errors.ts';

/** The one place where an error code becomes an HTTP status. */
export const statusOfCode: Record<ErrorCode, number> = {
  bad_input: 400,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  device_offline: 503,
  database_unreachable: 503,
  config_invalid: 500,
  data_folder_in_use: 500,
  data_folder_unusable: 500,
  key_missing: 500,
  key_wrong: 500,
  port_taken: 500,
  internal: 500,
};
