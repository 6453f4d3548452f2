export { hasMedia, storeImage } from './images.ts';
