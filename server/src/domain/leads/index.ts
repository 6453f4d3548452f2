export { type ImportResult, type InvalidRow, importLeads } from './import-leads.ts';
