export { storeImage } from './images.ts';
