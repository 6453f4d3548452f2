/** The public face of the adapter: the only door to Baileys. */
export { createBaileysWhatsApp } from './baileys-whatsapp.ts';
