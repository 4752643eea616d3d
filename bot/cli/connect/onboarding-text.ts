/** The words and names that `connect` leaves in a project. */

export const CI_FILE = '.gitlab-ci.yml';
export const ONBOARDING_BRANCH = 'autodev/onboarding';
export const ONBOARDING_TITLE = '[AutoDev] Include the CI template';
export const ONBOARDING_COMMIT = 'Include the AutoDev CI template';

export interface LabelSpec {
  name: string;
  color: string;
  description: string;
}

/** Labels that people set to start work (bot/domain/commands.ts), and the one the bot's changes carry. */
export const LABELS: readonly LabelSpec[] = [
  {
    name: 'autodev',
    color: '#6e49cb',
    description: 'AutoDev works on this, or made it. Set it on an issue to start.',
  },
  {
    name: 'autodev::implement',
    color: '#428bca',
    description: 'Set it on an issue: AutoDev implements it and opens a merge request.',
  },
  {
    name: 'autodev::fix',
    color: '#d9534f',
    description: 'Set it on an issue: AutoDev fixes the fault and opens a merge request.',
  },
];

/** Body of the onboarding change: what merging it means. Constants and ids only. */
export function onboardingDescription(bot: { username: string }, server: string): string {
  return [
    'Merging this lets AutoDev run its agents in the CI of this repository.',
    '',
    '- It adds two jobs, `autodev-plan` and `autodev-run`, and only to pipelines that',
    `  \`${bot.username}\` starts. Pipelines that people start stay as they are.`,
    `- The jobs ask \`${server}\` what to do and prove who they are with an id token. They hold no`,
    '  key and no token that can write to this repository.',
    '- To keep a job of your own out of those pipelines: `extends: .autodev-not-in-agent-pipelines`.',
    '',
    'Next: merge it, then set the label `autodev` on an issue, or write `/autodev help` under one.',
    'Closing it changes nothing.',
    '',
  ].join('\n');
}
