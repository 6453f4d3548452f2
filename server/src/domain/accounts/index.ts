export { openWorkspace, type Workspace } from './workspaces.ts';
