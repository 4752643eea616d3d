/** Every REST route of the sandbox. */
import type { Route } from '../rest/call.ts';
import { approvalRoutes } from './approvals.ts';
import { awardAndEventRoutes } from './awards.ts';
import { branchRoutes } from './branches.ts';
import { commitRoutes } from './commits.ts';
import { deploymentRoutes } from './deployments.ts';
import { hookRoutes } from './hooks.ts';
import { instanceRoutes } from './instance.ts';
import { issueLinkRoutes } from './issue-links.ts';
import { issueRoutes } from './issues.ts';
import { jobRoutes } from './jobs.ts';
import { labelRoutes } from './labels.ts';
import { mergeRequestDetailRoutes, mergeRequestRoutes } from './merge-requests.ts';
import { noteableRoutes } from './notes.ts';
import { lintRoutes, pipelineRoutes } from './pipelines.ts';
import { memberRoutes, projectRoutes } from './projects.ts';
import { repositoryRoutes } from './repository.ts';
import { statusRoutes } from './statuses.ts';
import { suggestionRoutes } from './suggestions.ts';
import { uploadRoutes } from './uploads.ts';
import { runnerRoutes, variableRoutes } from './variables.ts';

export const ROUTES: readonly Route[] = [
  ...instanceRoutes,
  ...projectRoutes,
  ...memberRoutes,
  ...variableRoutes,
  ...runnerRoutes,
  ...labelRoutes,
  ...uploadRoutes,
  ...issueRoutes,
  ...issueLinkRoutes,
  ...noteableRoutes,
  ...awardAndEventRoutes,
  ...suggestionRoutes,
  ...branchRoutes,
  ...commitRoutes,
  ...repositoryRoutes,
  ...mergeRequestRoutes,
  ...mergeRequestDetailRoutes,
  ...approvalRoutes,
  ...pipelineRoutes,
  ...lintRoutes,
  ...jobRoutes,
  ...deploymentRoutes,
  ...statusRoutes,
  ...hookRoutes,
];
