/** The public face of the configuration. */
export { type Config, createConfig, type PacingConfig, type WhatsAppConfig } from './config.ts';
export { type Environment, readEnvironment } from './env.ts';
export { type SecretKeySource, secretKeySource } from './secret-key.ts';
export { type Setting, type SettingName, settings } from './settings.ts';
