import { messageOf, SambadError, systemCodeOf } from '../../platform/errors.ts';

const sentences: Record<string, (folder: string) => string> = {
  EACCES: (folder) =>
    `The data folder ${folder} cannot be written by this account: change its owner, or set DATA_DIR.`,
  EPERM: (folder) =>
    `The data folder ${folder} cannot be written by this account: change its owner, or set DATA_DIR.`,
  EROFS: (folder) =>
    `The data folder ${folder} is on a read-only file system: set DATA_DIR to another folder.`,
  ENOSPC: (folder) => `The disk of the data folder ${folder} is full: make room and start again.`,
  EDQUOT: (folder) => `The disk quota of the data folder ${folder} is used up: make room and start again.`,
  ENOTDIR: (folder) => `The data folder ${folder} is, or is under, a file: set DATA_DIR to a folder.`,
  EEXIST: (folder) => `The data folder ${folder} is, or is under, a file: set DATA_DIR to a folder.`,
};

/** What a failed file operation on the data folder means, in one sentence. Errors that have one already pass through. */
export function folderError(folder: string, error: unknown): SambadError {
  if (error instanceof SambadError) return error;
  const known = sentences[systemCodeOf(error) ?? ''];
  const sentence = known?.(folder) ?? `The data folder ${folder} cannot be used: ${messageOf(error)}.`;
  return new SambadError('data_folder_unusable', sentence, { cause: error });
}

const outputSigns: [RegExp, string][] = [
  [/No space left on device/i, 'ENOSPC'],
  [/Disk quota exceeded/i, 'EDQUOT'],
  [/Read-only file system/i, 'EROFS'],
  [/Permission denied/i, 'EACCES'],
];

/** The same for what PostgreSQL's programs printed before they gave up. */
export function folderErrorFromOutput(folder: string, output: string, otherwise: string): SambadError {
  const sign = outputSigns.find(([pattern]) => pattern.test(output));
  if (sign) return folderError(folder, Object.assign(new Error(output), { code: sign[1] }));
  return new SambadError('data_folder_unusable', otherwise, { cause: new Error(output) });
}
