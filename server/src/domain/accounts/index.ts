export { createWorkspace, openWorkspace, type Workspace } from './workspaces.ts';
